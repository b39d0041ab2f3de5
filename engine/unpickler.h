// A pickle machine that executes nothing: Python's containers, numbers and texts come out, and of all classes only the
// few that PyTorch's tensors are made of. The rest becomes opaque values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace bareseg {

/// One Python value. Values refer to each other freely, cycles included; the arena that made them owns them all.
struct PickleValue {
  enum class Kind : uint8_t {
    none,
    boolean,  // integer: 0 or 1
    integer,
    real,
    string,   // text: UTF-8, or the bytes of a Python 2 string
    bytes,    // text
    list,     // items
    tuple,    // items
    dict,     // items: key, value, key, value, ... in order of insertion; the last of equal keys counts
    storage,  // text: class, e.g. "torch.FloatStorage"; items: key, number of elements, and for a view (key, offset,
              // size)
    tensor,   // items: storage, sizes, strides; integer: offset in elements
    global,   // text: "module.name" of a class or function
    opaque,   // text: class or function it came from; an integer past int64: "int", with its bytes in `items`
  };
  Kind kind = Kind::none;
  int64_t integer = 0;
  double real = 0.0;
  std::string text;
  std::vector<PickleValue*> items;
};

using PickleArena = std::deque<PickleValue>;

/// Reads pickles of protocols 2 to 5 that stand one after another in `bytes`.
class Unpickler {
 public:
  /// Values that one arena may hold: far more than checkpoints have, and a bound on the memory a hostile file can take.
  static constexpr size_t kMaxValues = 1'000'000;
  /// References that all containers, the stack and the memo may hold, each counted when it is made.
  static constexpr size_t kMaxReferences = 4 * kMaxValues;

  /// `bytes` and `arena` must live as long as this; `arena` as long as the values.
  Unpickler(std::span<const std::byte> bytes, PickleArena& arena) : bytes_(bytes), arena_(arena) {}

  /// The next pickle's value. Throws Error when it is cut, malformed, too large or uses an opcode of no PyTorch file.
  PickleValue* load();
  /// Bytes consumed so far.
  size_t position() const { return position_; }

 private:
  using Kind = PickleValue::Kind;

  bool number(uint8_t opcode);
  bool text(uint8_t opcode);
  bool container(uint8_t opcode);
  bool memo_or_stack(uint8_t opcode);
  bool object(uint8_t opcode);

  void opaque_object(size_t arguments);
  void persistent();
  PickleValue* call(const PickleValue& callee, const PickleValue& arguments);
  PickleValue* rebuild_tensor(const PickleValue& arguments);
  PickleValue* ordered_dict(const PickleValue& arguments);
  void append_to_top(std::vector<PickleValue*> items, Kind kind);
  PickleValue* integer_of(std::string_view little_endian);

  PickleValue* make(Kind kind);
  PickleValue* make_text(Kind kind, std::string_view text);
  void push(PickleValue* value);
  void remember(uint64_t index);
  void charge(size_t references);
  PickleValue* pop();
  PickleValue& top();
  size_t pop_mark();
  std::vector<PickleValue*> pop_from(size_t first);

  std::string_view take(uint64_t count);
  std::string_view take_line();
  template <typename T>
  T take_number();
  [[noreturn]] void fail(const std::string& message) const;

  std::span<const std::byte> bytes_;
  PickleArena& arena_;
  size_t position_ = 0;
  std::vector<PickleValue*> stack_;
  std::vector<size_t> marks_;  // stack heights
  std::unordered_map<uint64_t, PickleValue*> memo_;
  size_t references_ = 0;
};

}  // namespace bareseg
