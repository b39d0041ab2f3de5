// Checkpoints of the PiCIE authors' program (method specification, section 4), and what they are in ours.
#pragma once

#include <filesystem>

#include "engine/safetensors.h"
#include "engine/torch_file.h"

namespace bareseg {

/// True for a dict with "state_dict" and "classifier1_state_dict".
bool is_authors_checkpoint(const TorchValue& file);

/// The same network and classifiers as a checkpoint of ours: of PiCIE where there are two classifiers, else of MDC. The
/// state of the optimizer and the options stay behind: a run of ours goes on from its own checkpoints.
/// @throws Error naming the file when something is missing or has another shape.
SafetensorsFile from_authors_checkpoint(const TorchValue& file);

/// Writes a checkpoint of ours as theirs, Adam's state included where it is there.
/// @throws Error naming the path if the network is no ResNet-FPN, if a classifier takes features that are not scaled to
///         unit length, as theirs all do, or if writing fails.
void write_authors_checkpoint(const std::filesystem::path& path, const SafetensorsFile& checkpoint);

}  // namespace bareseg
