// Lists of image ids and folders of image files.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace bareseg {

/// The ids of a text file in the order of the file, one a line. A byte order mark, CRLF line ends, blank lines, blanks
/// round an id and a missing last line end are accepted.
/// @throws Error naming the file and the line: no id at all, an id twice, a NUL byte, an id that is an absolute path or
///         has a component "", "." or "..".
std::vector<std::string> read_id_list(const std::filesystem::path& file);

/// Files below `folder` ending in .jpg, .jpeg or .png (any case), as sorted paths relative to it. Follows links to
/// folders, each folder once; leaves out names that start with a dot.
/// @throws Error naming the folder when it is missing or cannot be read.
std::vector<std::filesystem::path> list_images(const std::filesystem::path& folder);

}  // namespace bareseg
