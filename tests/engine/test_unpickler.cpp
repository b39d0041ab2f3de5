// Pickles that no honest program wrote, inside a legacy PyTorch file.
#include "engine/unpickler.h"

#include <gtest/gtest.h>

#include "engine/torch_file.h"
#include "tests/engine/hostile.h"

namespace bareseg {
namespace {

using namespace std::string_literals;

const std::string kProtocol = "\x80\x02"s;
const std::string kHead = kProtocol + "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."s + kProtocol + "M\xe9\x03."s +
                          kProtocol + "}X\x0d\0\0\0little_endian\x88s."s;

std::string text(const std::string& value) { return "X" + little_endian(static_cast<uint32_t>(value.size())) + value; }

std::string number(int64_t value) { return "\x8a\x08"s + little_endian(value); }

std::string repeated(const std::string& value, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += value;
  return all;
}

/// A legacy file with this object, these storage keys and these bytes of storages.
std::string file_of(const std::string& object, const std::string& keys = "]", const std::string& storages = "") {
  return kHead + kProtocol + object + "." + kProtocol + keys + "." + storages;
}

std::string storage(int64_t count, const std::string& type = "FloatStorage", const std::string& view = "") {
  return "(" + text("storage") + "ctorch\n" + type + "\n" + text("0") + text("cuda:0") + number(count) + view + "tQ";
}

std::string tensor(const std::string& storage_id, int64_t offset, const std::string& sizes,
                   const std::string& strides) {
  return "ctorch._utils\n_rebuild_tensor\n(" + storage_id + number(offset) + "(" + sizes + "t(" + strides + "ttR";
}

const std::string kKeys = "]" + text("0") + "a";
const std::string kFourFloats =
    little_endian(int64_t{4}) + little_endian(1.0f) + little_endian(2.0f) + little_endian(3.0f) + little_endian(4.0f);

TorchValue parse(const std::string& file) { return parse_torch_file(bytes_of(file), "f"); }

std::string tensor_error(const std::string& object) {
  return error_of([&] { parse(file_of(object, kKeys, kFourFloats)).tensor(); });
}

TEST(Unpickler, HandMadeTensor) {
  const std::string object = tensor(storage(4), 1, number(2), number(2));
  const Tensor x = parse(file_of(object, kKeys, kFourFloats)).tensor();
  EXPECT_EQ(x.to_vector<float>(), (std::vector<float>{2.0f, 4.0f}));
}

// Files of Python 2: byte strings as keys, and an OrderedDict that is made of pairs.
TEST(Unpickler, PythonTwoStateDict) {
  const std::string weight = tensor(storage(4), 0, number(4), number(1));
  const std::string object = "ccollections\nOrderedDict\n(](]U\x01waU\x01xa" + weight + "aetR";
  EXPECT_NE(error_of([&] { parse(file_of(object, kKeys, kFourFloats)); }), "");  // three in a pair
  const std::string pair = "ccollections\nOrderedDict\n(](]U\x01wa" + weight + "aetR";
  const NamedTensors tensors = find_state_dict(parse(file_of(pair, kKeys, kFourFloats)));
  ASSERT_EQ(tensors.size(), 1u);
  EXPECT_EQ(tensors[0].name, "w");
}

TEST(Unpickler, StorageViews) {
  const auto view = [](int64_t offset, int64_t count) {
    return "(" + text("v") + number(offset) + number(count) + "t";
  };
  const std::string inside = tensor(storage(4, "FloatStorage", view(2, 2)), 1, number(1), number(1));
  EXPECT_EQ(parse(file_of(inside, kKeys, kFourFloats)).tensor().to_vector<float>(), std::vector<float>{4.0f});
  for (const auto& [offset, count] :
       std::vector<std::pair<int64_t, int64_t>>{{2, 1}, {3, 2}, {-1, 4}, {0, -1}, {5, 0}}) {
    const std::string object = tensor(storage(4, "FloatStorage", view(offset, count)), 1, number(1), number(1));
    EXPECT_NE(tensor_error(object).find("outside its storage"), std::string::npos) << offset << " " << count;
  }
}

TEST(Unpickler, TensorsStayInsideTheirStorage) {
  const int64_t huge = int64_t{1} << 62;
  const auto refused = [](int64_t offset, const std::string& sizes, const std::string& strides) {
    return tensor_error(tensor(storage(4), offset, sizes, strides));
  };
  EXPECT_EQ(refused(0, number(4), number(1)), "");
  EXPECT_EQ(refused(3, number(1), number(huge)), "");  // the stride of a single element is never taken
  EXPECT_EQ(refused(99, number(0), number(1)), "");
  EXPECT_NE(refused(1, number(4), number(1)).find("outside its storage"), std::string::npos);
  EXPECT_NE(refused(0, number(2), number(4)).find("outside its storage"), std::string::npos);
  EXPECT_NE(refused(0, number(3), number(huge)).find("outside its storage"), std::string::npos);
  EXPECT_NE(refused(huge, number(3), number(huge)).find("outside its storage"), std::string::npos);
  EXPECT_NE(refused(int64_t{1} << 61, number(1), number(1)).find("outside its storage"), std::string::npos);
  EXPECT_NE(refused(-1, number(1), number(1)).find("a tensor is not"), std::string::npos);
  EXPECT_NE(refused(0, number(-1), number(1)).find("must not be negative"), std::string::npos);
  EXPECT_NE(refused(3, number(2), number(-1)).find("stride -1"), std::string::npos);
  EXPECT_NE(refused(0, number(2) + number(2), number(1)).find("a tensor is not"), std::string::npos);
  EXPECT_NE(refused(0, text("2"), number(1)).find("a tensor is not"), std::string::npos);
  EXPECT_NE(refused(0, repeated(number(1), 7), repeated(number(1), 7)).find("7 dimensions"), std::string::npos);
  EXPECT_NE(refused(0, number(huge) + number(4), number(0) + number(0)).find("int64"), std::string::npos);
}

// Strides of 0 make a large tensor of one element: more memory than any honest file asks for.
TEST(Unpickler, ExpandedTensorsAreBounded) {
  const MemoryLimit limit(uint64_t{256} << 20);
  EXPECT_EQ(tensor_error(tensor(storage(4), 0, number(1000), number(0))), "");
  EXPECT_NE(tensor_error(tensor(storage(4), 0, number(int64_t{1} << 40), number(0))).find("need more than"),
            std::string::npos);
  // Each of these is small, but not all together.
  const std::string dict = "}" + text("a") + tensor(storage(4), 0, number(200'000), number(0)) + "q\x01s(" + [] {
    std::string entries;
    for (int i = 0; i < 1000; ++i) entries += text(std::to_string(i)) + "h\x01";
    return entries;
  }() + "u";
  EXPECT_NE(error_of([&] { find_state_dict(parse(file_of(dict, kKeys, kFourFloats))); }).find("need more than"),
            std::string::npos);
}

TEST(Unpickler, StoragesMustMatchTheFile) {
  const auto refused = [](const std::string& object, const std::string& keys, const std::string& storages) {
    return error_of([&] { parse(file_of(object, keys, storages)); });
  };
  EXPECT_NE(refused(storage(4), kKeys, kFourFloats.substr(0, 23)).find("cut in storage 0: expected 16 bytes, got 15"),
            std::string::npos);
  EXPECT_NE(refused(storage(4), kKeys, "123").find("cut before storage 0"), std::string::npos);
  EXPECT_NE(refused(storage(4), "]", "").find("storage 0 is missing"), std::string::npos);
  EXPECT_NE(refused("N", kKeys, kFourFloats).find("storage 0 is listed twice, not referred to"), std::string::npos);
  EXPECT_NE(refused(storage(4), "](" + text("0") + text("0") + "e", kFourFloats + kFourFloats).find("listed twice"),
            std::string::npos);
  EXPECT_NE(refused(storage(5), kKeys, kFourFloats).find("expected 5 elements, got 4"), std::string::npos);
  EXPECT_NE(refused(storage(4) + storage(3) + "\x86", kKeys, kFourFloats).find("two ways"), std::string::npos);
  EXPECT_NE(refused(storage(4) + storage(4, "IntStorage") + "\x86", kKeys, kFourFloats).find("two ways"),
            std::string::npos);
  EXPECT_NE(refused(storage(int64_t{1} << 62), kKeys, little_endian(int64_t{1} << 62)).find("int64"),
            std::string::npos);
  EXPECT_NE(refused(storage(int64_t{1} << 40), kKeys, little_endian(int64_t{1} << 40)).find("cut in storage"),
            std::string::npos);
  EXPECT_NE(refused(storage(-1), kKeys, little_endian(int64_t{-1})).find("a storage's id"), std::string::npos);
}

// What would run a shell in Python is a value like any other here.
TEST(Unpickler, NothingIsExecuted) {
  const TemporaryFolder folder;
  const std::string mark = (folder / "mark").string();
  const std::string run = "cposix\nsystem\n(" + text("touch " + mark) + "tR";
  EXPECT_EQ(parse(file_of(run)).class_name(), "posix.system");
  const std::string build = "cbuiltins\neval\n)\x81}" + text("__setstate__") + run + "sb";
  EXPECT_EQ(parse(file_of(build)).class_name(), "builtins.eval");
  EXPECT_EQ(parse(file_of("(cos\nsystem\n" + text("touch " + mark) + "o")).class_name(), "os.system");
  EXPECT_FALSE(std::filesystem::exists(mark));
}

TEST(Unpickler, MalformedPickles) {
  const std::vector<std::pair<std::string, const char*>> cases = {
      {"", "stack is empty"},
      {"(", "ends inside a container"},
      {"0", "stack is empty"},
      {"K", "opcode"},  // its number is the full stop
      {"t", "never opened"},
      {"e", "never opened"},
      {"K\x01(e", "other than a container"},
      {"K\x01K\x02s", "stack is empty"},
      {"}(K\x01u", "a key without a value"},
      {")K\x01"
       "a",
       "other than a container"},
      {"(\x85", "stack is empty"},
      {"K\x01(0R", "stack is empty"},
      {"K\x01(R", "stack is empty"},
      {"h\x07", "recalls entry 7"},
      {"j\xff\xff\xff\xff", "recalls entry 4294967295"},
      {"q\x01", "stack is empty"},
      {"\x94", "stack is empty"},
      {"X\xff\xff\xff\xff", "cut"},
      {"\x8d\xff\xff\xff\xff\xff\xff\xff\xff", "cut"},
      {"\x8b\xff\xff\xff\xff", "cut"},
      {"cno line ends here", "cut"},
      {"K\x01K\x02\x93", "other than text"},
      {"N\x92", "stack is empty"},
      {"(o", "stack is empty"},
      {"ccollections\nOrderedDict\n(K\x01tR", "not made of pairs"},
      {"ccollections\nOrderedDict\n(]K\x01"
       "atR",
       "not made of pairs"},
      {"(" + text("storage") + "tQ", "a storage's id"},
      {"ctorch._utils\n_rebuild_tensor_v2\n(" + storage(4) + "tR", "a tensor is not"},
      {"\x82\x01", "opcode 130"},
      {"P1\n", "opcode 80"},
      {"\xff", "opcode 255"},
  };
  for (const auto& [object, expected] : cases) {
    const std::string file = file_of(object);
    const std::string message = error_of([&] { parse(file); });
    EXPECT_TRUE(message.starts_with("f: ")) << message;
    EXPECT_NE(message.find(expected), std::string::npos) << message << "\nexpected: " << expected;
  }
}

TEST(Unpickler, WidthAndDepthAreBounded) {
  const MemoryLimit limit(uint64_t{512} << 20);
  // A list in a list in a list: nothing here recurses, so depth alone does no harm.
  EXPECT_EQ(error_of([] { parse(file_of(repeated("]", 500'000) + repeated("a", 499'999))); }), "");
  EXPECT_EQ(error_of([] { parse(file_of("N" + repeated("\x85", 500'000))); }), "");
  const auto refused = [](const std::string& object) { return error_of([&] { parse(file_of(object)); }); };
  EXPECT_NE(refused(repeated("N", 3'000'000)).find("more than 1000000 values"), std::string::npos);
  EXPECT_NE(refused("N" + repeated("2", 5'000'000)).find("references"), std::string::npos);
  EXPECT_NE(refused(repeated("(", 5'000'000)).find("references"), std::string::npos);
  EXPECT_NE(refused("N" + repeated("\x94", 5'000'000)).find("references"), std::string::npos);
  // One list of pairs, made into a dict again and again.
  const std::string pairs = "](" + repeated("NN\x86", 1000) + "eq\x01\x85q\x02" + "0";
  EXPECT_NE(refused(pairs + repeated("ccollections\nOrderedDict\nh\x02R", 10'000)).find("references"),
            std::string::npos);
  // Ten references to a list of ten references to a list ..., 10^30 leaves in all.
  std::string laughs = "](NNNNNNNNNNeq\x01";
  for (int i = 0; i < 30; ++i) laughs += "](" + repeated("h\x01", 10) + "eq\x01";
  EXPECT_EQ(refused(laughs), "");
}

TEST(Unpickler, ValuesMayHoldThemselves) {
  const TorchValue list =
      parse(file_of("]q\x01h\x01"
                    "a"));
  EXPECT_EQ(list.at(0).at(0).at(0).size(), 1u);
  const TorchValue dict = parse(file_of("}q\x01" + text("state_dict") + "h\x01s"));
  EXPECT_NE(error_of([&] { find_state_dict(dict); }).find("expected a dict of tensors"), std::string::npos);
}

// Of equal keys the last counts, as in Python.
TEST(Unpickler, LaterKeysWin) {
  const TorchValue dict = parse(file_of("}(" + text("a") + "K\x01" + text("b") + "K\x02" + text("a") + "K\x03u"));
  EXPECT_EQ(dict.find("a")->integer(), 3);
  EXPECT_EQ(dict.find("b")->integer(), 2);
}

TEST(Unpickler, Numbers) {
  const std::string list =
      "](J\xfe\xff\xff\xff"
      "\x8a\0\x8a\x01\xff\x8a\x02\0\x80"
      "G\xbf\xf8\0\0\0\0\0\0"
      "\x8b\x02\0\0\0\x01\x01"
      "\x8a\x09\0\0\0\0\0\0\0\x80\0"
      "e"s;
  const TorchValue values = parse(file_of(list));
  ASSERT_EQ(values.size(), 7u);
  EXPECT_EQ(values.at(0).integer(), -2);
  EXPECT_EQ(values.at(1).integer(), 0);
  EXPECT_EQ(values.at(2).integer(), -1);
  EXPECT_EQ(values.at(3).integer(), -32768);
  EXPECT_EQ(values.at(4).real(), -1.5);
  EXPECT_EQ(values.at(5).integer(), 257);
  EXPECT_EQ(values.at(6).class_name(), "int");
}

}  // namespace
}  // namespace bareseg
