#include "engine/unpickler.h"

#include <bit>
#include <cstring>
#include <utility>

#include "engine/error.h"

namespace bareseg {
namespace {

using Kind = PickleValue::Kind;

bool is_text(const PickleValue& value) { return value.kind == Kind::string || value.kind == Kind::bytes; }

bool is_sequence(const PickleValue& value) { return value.kind == Kind::list || value.kind == Kind::tuple; }

// A tuple, since lists can still change after they were looked at.
bool is_integer_tuple(const PickleValue& value) {
  for (const PickleValue* item : value.items) {
    if (item->kind != Kind::integer) return false;
  }
  return value.kind == Kind::tuple;
}

}  // namespace

PickleValue* Unpickler::load() {
  stack_.clear();
  marks_.clear();
  memo_.clear();
  if (take_number<uint8_t>() != 0x80) fail("expected a pickle of protocol 2 to 5");
  const int protocol = take_number<uint8_t>();
  if (protocol < 2 || protocol > 5) fail(concat("expected a pickle of protocol 2 to 5, got ", protocol));
  for (;;) {
    const auto opcode = take_number<uint8_t>();
    if (opcode == '.') break;
    if (number(opcode) || text(opcode) || container(opcode) || memo_or_stack(opcode) || object(opcode)) continue;
    fail(concat("pickle opcode ", int{opcode}, ", which PyTorch's files do not have"));
  }
  if (!marks_.empty()) fail("a pickle ends inside a container");
  return pop();
}

bool Unpickler::number(uint8_t opcode) {
  PickleValue* value = nullptr;
  const auto integer = [&](int64_t x) {
    value = make(Kind::integer);
    value->integer = x;
  };
  switch (opcode) {
    case 'N':  // NONE
      value = make(Kind::none);
      break;
    case 0x88:  // NEWTRUE
    case 0x89:  // NEWFALSE
      value = make(Kind::boolean);
      value->integer = opcode == 0x88;
      break;
    case 'K':  // BININT1
      integer(take_number<uint8_t>());
      break;
    case 'M':  // BININT2
      integer(take_number<uint16_t>());
      break;
    case 'J':  // BININT
      integer(take_number<int32_t>());
      break;
    case 0x8a:  // LONG1
      value = integer_of(take(take_number<uint8_t>()));
      break;
    case 0x8b:  // LONG4; a negative length becomes one past the end
      value = integer_of(take(static_cast<uint64_t>(int64_t{take_number<int32_t>()})));
      break;
    case 'G':  // BINFLOAT, big-endian
      value = make(Kind::real);
      value->real = std::bit_cast<double>(__builtin_bswap64(take_number<uint64_t>()));
      break;
    default:
      return false;
  }
  push(value);
  return true;
}

PickleValue* Unpickler::integer_of(std::string_view little_endian) {
  if (little_endian.size() > sizeof(int64_t)) {
    PickleValue* value = make_text(Kind::opaque, "int");
    value->items = {make_text(Kind::bytes, little_endian)};
    return value;
  }
  const bool negative = !little_endian.empty() && static_cast<int8_t>(little_endian.back()) < 0;
  PickleValue* value = make(Kind::integer);
  value->integer = negative ? -1 : 0;
  std::memcpy(&value->integer, little_endian.data(), little_endian.size());
  return value;
}

bool Unpickler::text(uint8_t opcode) {
  switch (opcode) {
    case 'X':  // BINUNICODE
    case 'T':  // BINSTRING, whose negative lengths become ones past the end
      push(make_text(Kind::string, take(take_number<uint32_t>())));
      return true;
    case 0x8c:  // SHORT_BINUNICODE
    case 'U':   // SHORT_BINSTRING
      push(make_text(Kind::string, take(take_number<uint8_t>())));
      return true;
    case 0x8d:  // BINUNICODE8
      push(make_text(Kind::string, take(take_number<uint64_t>())));
      return true;
    case 'C':  // SHORT_BINBYTES
      push(make_text(Kind::bytes, take(take_number<uint8_t>())));
      return true;
    case 'B':  // BINBYTES
      push(make_text(Kind::bytes, take(take_number<uint32_t>())));
      return true;
    case 0x8e:  // BINBYTES8
      push(make_text(Kind::bytes, take(take_number<uint64_t>())));
      return true;
    default:
      return false;
  }
}

bool Unpickler::container(uint8_t opcode) {
  const auto tuple = [&](size_t first) {
    PickleValue* value = make(Kind::tuple);
    value->items = pop_from(first);
    push(value);
  };
  switch (opcode) {
    case ')':  // EMPTY_TUPLE
      push(make(Kind::tuple));
      return true;
    case ']':  // EMPTY_LIST
      push(make(Kind::list));
      return true;
    case '}':  // EMPTY_DICT
      push(make(Kind::dict));
      return true;
    case 0x8f:  // EMPTY_SET
      push(make_text(Kind::opaque, "set"));
      return true;
    case 't':  // TUPLE
      tuple(pop_mark());
      return true;
    case 0x85:  // TUPLE1, TUPLE2, TUPLE3
    case 0x86:
    case 0x87: {
      const size_t count = opcode - 0x84u;
      if (stack_.size() < count) fail("a pickle's stack is empty");
      tuple(stack_.size() - count);
      return true;
    }
    case 'a':  // APPEND
      append_to_top({pop()}, Kind::list);
      return true;
    case 'e':  // APPENDS
      append_to_top(pop_from(pop_mark()), Kind::list);
      return true;
    case 's': {  // SETITEM
      PickleValue* value = pop();
      PickleValue* key = pop();
      append_to_top({key, value}, Kind::dict);
      return true;
    }
    case 'u':  // SETITEMS
      append_to_top(pop_from(pop_mark()), Kind::dict);
      return true;
    case 0x90:  // ADDITEMS
      pop_from(pop_mark());
      top();
      return true;
    case 0x91:  // FROZENSET
      pop_from(pop_mark());
      push(make_text(Kind::opaque, "frozenset"));
      return true;
    default:
      return false;
  }
}

bool Unpickler::memo_or_stack(uint8_t opcode) {
  const auto recall = [&](uint64_t index) {
    const auto found = memo_.find(index);
    if (found == memo_.end()) fail(concat("a pickle recalls entry ", index, ", which it never stored"));
    push(found->second);
  };
  switch (opcode) {
    case '(':  // MARK
      charge(1);
      marks_.push_back(stack_.size());
      return true;
    case '0':  // POP
      if (!marks_.empty() && marks_.back() == stack_.size()) {
        pop_mark();
      } else {
        pop();
      }
      return true;
    case '1':  // POP_MARK
      pop_from(pop_mark());
      return true;
    case '2':  // DUP
      push(&top());
      return true;
    case 'q':  // BINPUT
      remember(take_number<uint8_t>());
      return true;
    case 'r':  // LONG_BINPUT
      remember(take_number<uint32_t>());
      return true;
    case 0x94:  // MEMOIZE
      remember(memo_.size());
      return true;
    case 'h':  // BINGET
      recall(take_number<uint8_t>());
      return true;
    case 'j':  // LONG_BINGET
      recall(take_number<uint32_t>());
      return true;
    case 0x95:  // FRAME
      take_number<uint64_t>();
      return true;
    default:
      return false;
  }
}

bool Unpickler::object(uint8_t opcode) {
  switch (opcode) {
    case 'c': {  // GLOBAL
      const std::string_view module = take_line();
      const std::string_view name = take_line();
      push(make_text(Kind::global, concat(module, ".", name)));
      return true;
    }
    case 0x93: {  // STACK_GLOBAL
      const PickleValue* name = pop();
      const PickleValue* module = pop();
      if (!is_text(*name) || !is_text(*module)) fail("a pickle names a class by something other than text");
      push(make_text(Kind::global, concat(module->text, ".", name->text)));
      return true;
    }
    case 'R':     // REDUCE
    case 0x81: {  // NEWOBJ: as harmless as REDUCE, since neither runs anything
      const PickleValue* arguments = pop();
      const PickleValue* callee = pop();
      push(call(*callee, *arguments));
      return true;
    }
    case 0x92:  // NEWOBJ_EX
      pop();
      opaque_object(stack_.size() - 1);
      return true;
    case 'o':  // OBJ
      opaque_object(pop_mark() + 1);
      return true;
    case 'b':  // BUILD: attributes, which no value here has
      pop();
      top();
      return true;
    case 'Q':  // BINPERSID
      persistent();
      return true;
    default:
      return false;
  }
}

// Replaces a class and its arguments, which begin at that height of the stack, by an opaque value.
void Unpickler::opaque_object(size_t arguments) {
  if (arguments == 0 || arguments > stack_.size()) fail("a pickle's stack is empty");
  pop_from(arguments);
  const PickleValue* type = pop();
  push(make_text(Kind::opaque, type->text));
}

void Unpickler::persistent() {
  const PickleValue* id = pop();
  const auto& items = id->items;
  const bool named = id->kind == Kind::tuple && !items.empty() && is_text(*items[0]);
  if (named && items[0]->text == "module" && items.size() >= 2) return push(items[1]);  // class, source path, source
  if (!named || items[0]->text != "storage") return push(make_text(Kind::opaque, "persistent id"));
  // ("storage", class, key, device, number of elements[, view])
  const bool valid = (items.size() == 5 || items.size() == 6) && items[1]->kind == Kind::global && is_text(*items[2]) &&
                     items[4]->kind == Kind::integer && items[4]->integer >= 0;
  if (!valid) fail("a storage's id is not (\"storage\", class, key, device, elements)");
  PickleValue* storage = make_text(Kind::storage, items[1]->text);
  storage->items = {items[2], items[4]};
  if (items.size() == 6 && items[5]->kind != Kind::none) {
    const PickleValue& view = *items[5];
    const bool view_valid = view.kind == Kind::tuple && view.items.size() == 3 &&
                            view.items[1]->kind == Kind::integer && view.items[2]->kind == Kind::integer;
    if (!view_valid) fail("a storage's view is not (key, offset, elements)");
    storage->items.push_back(items[5]);
  }
  push(storage);
}

PickleValue* Unpickler::call(const PickleValue& callee, const PickleValue& arguments) {
  if (callee.kind == Kind::global && arguments.kind == Kind::tuple) {
    const std::string& name = callee.text;
    if (name == "collections.OrderedDict") return ordered_dict(arguments);
    if (name == "torch._utils._rebuild_tensor" || name == "torch._utils._rebuild_tensor_v2") {
      return rebuild_tensor(arguments);
    }
    const bool wraps_tensor = name == "torch._utils._rebuild_parameter" ||
                              name == "torch._utils._rebuild_parameter_with_state" ||
                              name == "torch.nn.parameter.Parameter" || name == "torch.autograd.variable.Variable";
    if (wraps_tensor && !arguments.items.empty() && arguments.items[0]->kind == Kind::tensor) {
      return arguments.items[0];
    }
  }
  return make_text(Kind::opaque, callee.text);
}

// (storage, offset, sizes, strides, ...)
PickleValue* Unpickler::rebuild_tensor(const PickleValue& arguments) {
  const auto& items = arguments.items;
  if (items.empty() || items[0]->kind != Kind::storage) return make_text(Kind::opaque, "torch.Tensor");
  const bool valid = items.size() >= 4 && items[1]->kind == Kind::integer && items[1]->integer >= 0 &&
                     is_integer_tuple(*items[2]) && is_integer_tuple(*items[3]) &&
                     items[2]->items.size() == items[3]->items.size();
  if (!valid) fail("a tensor is not (storage, offset, sizes, strides)");
  PickleValue* tensor = make(Kind::tensor);
  tensor->integer = items[1]->integer;
  tensor->items = {items[0], items[2], items[3]};
  return tensor;
}

// () or, from Python 2, ([[key, value], ...],)
PickleValue* Unpickler::ordered_dict(const PickleValue& arguments) {
  PickleValue* dict = make(Kind::dict);
  if (arguments.items.empty()) return dict;
  const PickleValue& pairs = *arguments.items[0];
  if (!is_sequence(pairs)) fail("an OrderedDict is not made of pairs");
  charge(2 * pairs.items.size());
  for (const PickleValue* pair : pairs.items) {
    if (!is_sequence(*pair) || pair->items.size() != 2) fail("an OrderedDict is not made of pairs");
    dict->items.insert(dict->items.end(), pair->items.begin(), pair->items.end());
  }
  return dict;
}

void Unpickler::append_to_top(std::vector<PickleValue*> items, Kind kind) {
  PickleValue& target = top();
  if (target.kind == Kind::opaque) return;
  if (target.kind != kind) fail("a pickle adds items to something other than a container");
  if (kind == Kind::dict && items.size() % 2 != 0) fail("a pickle adds a key without a value");
  charge(items.size());
  target.items.insert(target.items.end(), items.begin(), items.end());
}

PickleValue* Unpickler::make(Kind kind) {
  if (arena_.size() >= kMaxValues) fail(concat("more than ", kMaxValues, " values"));
  PickleValue& value = arena_.emplace_back();
  value.kind = kind;
  return &value;
}

PickleValue* Unpickler::make_text(Kind kind, std::string_view text) {
  PickleValue* value = make(kind);
  value->text = text;
  return value;
}

void Unpickler::charge(size_t references) {
  if (references > kMaxReferences - references_) fail(concat("more than ", kMaxReferences, " references"));
  references_ += references;
}

void Unpickler::push(PickleValue* value) {
  charge(1);
  stack_.push_back(value);
}

void Unpickler::remember(uint64_t index) {
  charge(1);
  memo_[index] = &top();
}

// Values below the newest mark are out of reach until that container is closed.
PickleValue& Unpickler::top() {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) fail("a pickle's stack is empty");
  return *stack_.back();
}

PickleValue* Unpickler::pop() {
  PickleValue* value = &top();
  stack_.pop_back();
  return value;
}

size_t Unpickler::pop_mark() {
  if (marks_.empty()) fail("a pickle closes a container that it never opened");
  const size_t first = marks_.back();
  marks_.pop_back();
  return first;
}

std::vector<PickleValue*> Unpickler::pop_from(size_t first) {
  if (first < (marks_.empty() ? 0 : marks_.back())) fail("a pickle's stack is empty");
  std::vector<PickleValue*> items(stack_.begin() + static_cast<std::ptrdiff_t>(first), stack_.end());
  stack_.resize(first);
  return items;
}

std::string_view Unpickler::take(uint64_t count) {
  if (count > bytes_.size() - position_) fail("a pickle is cut");
  const auto* begin = reinterpret_cast<const char*>(bytes_.data()) + position_;
  position_ += count;
  return {begin, count};
}

std::string_view Unpickler::take_line() {
  const std::string_view rest(reinterpret_cast<const char*>(bytes_.data()) + position_, bytes_.size() - position_);
  const size_t length = rest.find('\n');
  if (length == std::string_view::npos) fail("a pickle is cut");
  position_ += length + 1;
  return rest.substr(0, length);
}

template <typename T>
T Unpickler::take_number() {
  T value;
  std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
  return value;
}

void Unpickler::fail(const std::string& message) const {
  fail_at(__FILE__, __LINE__, message, " (byte ", position_, " of ", bytes_.size(), ")");
}

}  // namespace bareseg
