#include "cuda/dnn.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <set>
#include <sstream>
#include <utility>

#include "cuda/check.h"
#include "cuda/library.h"

namespace bareseg {
namespace {

using Name = cudnnBackendAttributeName_t;
using Dims = std::vector<int64_t>;

constexpr size_t kPlansInUse = 4096;  // a network in training has a few hundred
constexpr size_t kPlansTried = 12;    // ways tried for one problem
constexpr int64_t kAligned = 16;
constexpr int64_t kMostKnobs = CUDNN_KNOB_TYPE_COUNTS;
constexpr int64_t kWorkspace = 1 << 30;                             // bytes a plan may ask for
enum Uid : int64_t { kX = 1, kW, kY, kBias, kResidual, kBetween };  // kBetween and following: between two operations

template <typename T>
constexpr cudnnBackendAttributeType_t attribute_type() {
  if constexpr (std::is_same_v<T, int64_t>) return CUDNN_TYPE_INT64;
  if constexpr (std::is_same_v<T, float>) return CUDNN_TYPE_FLOAT;
  if constexpr (std::is_same_v<T, char>) return CUDNN_TYPE_CHAR;
  if constexpr (std::is_same_v<T, bool>) return CUDNN_TYPE_BOOLEAN;
  if constexpr (std::is_same_v<T, void*>) return CUDNN_TYPE_VOID_PTR;
  if constexpr (std::is_same_v<T, cudnnHandle_t>) return CUDNN_TYPE_HANDLE;
  if constexpr (std::is_same_v<T, cudnnDataType_t>) return CUDNN_TYPE_DATA_TYPE;
  if constexpr (std::is_same_v<T, cudnnConvolutionMode_t>) return CUDNN_TYPE_CONVOLUTION_MODE;
  if constexpr (std::is_same_v<T, cudnnPointwiseMode_t>) return CUDNN_TYPE_POINTWISE_MODE;
  if constexpr (std::is_same_v<T, cudnnBackendHeurMode_t>) return CUDNN_TYPE_HEUR_MODE;
  if constexpr (std::is_same_v<T, cudnnBackendKnobType_t>) return CUDNN_TYPE_KNOB_TYPE;
  if constexpr (std::is_same_v<T, cudnnBackendNumericalNote_t>) return CUDNN_TYPE_NUMERICAL_NOTE;
}

DnnDescriptor make(cudnnBackendDescriptorType_t type) {
  cudnnBackendDescriptor_t made = nullptr;
  BS_CUDNN(cudnn().cudnnBackendCreateDescriptor(type, &made));
  return {made, [](void* descriptor) { cudnn().cudnnBackendDestroyDescriptor(descriptor); }};
}

template <typename T>
void set(const DnnDescriptor& d, Name name, const std::vector<T>& values) {
  BS_CUDNN(cudnn().cudnnBackendSetAttribute(d.get(), name, attribute_type<T>(), std::ssize(values), values.data()));
}
template <typename T>
void set(const DnnDescriptor& d, Name name, const T& value) {
  BS_CUDNN(cudnn().cudnnBackendSetAttribute(d.get(), name, attribute_type<T>(), 1, &value));
}
void set(const DnnDescriptor& d, Name name, const std::vector<DnnDescriptor>& values) {
  std::vector<void*> raw;
  for (const DnnDescriptor& value : values) raw.push_back(value.get());
  BS_CUDNN(cudnn().cudnnBackendSetAttribute(d.get(), name, CUDNN_TYPE_BACKEND_DESCRIPTOR, std::ssize(raw), raw.data()));
}
void set(const DnnDescriptor& d, Name name, const DnnDescriptor& value) { set(d, name, std::vector{value}); }

void finalize(const DnnDescriptor& d) { BS_CUDNN(cudnn().cudnnBackendFinalize(d.get())); }

template <typename T>
std::vector<T> get(const DnnDescriptor& d, Name name, size_t most = 1) {
  std::vector<T> values(most);
  int64_t count = 0;
  BS_CUDNN(
      cudnn().cudnnBackendGetAttribute(d.get(), name, attribute_type<T>(), std::ssize(values), &count, values.data()));
  values.resize(std::min(most, static_cast<size_t>(count)));
  return values;
}

// cuDNN fills descriptors that the caller makes, at most so many.
std::vector<DnnDescriptor> get(const DnnDescriptor& d, Name name, cudnnBackendDescriptorType_t type, int64_t most) {
  std::vector<DnnDescriptor> values;
  std::vector<void*> raw;
  for (int64_t i = 0; i < most; ++i) raw.push_back(values.emplace_back(make(type)).get());
  int64_t count = 0;
  BS_CUDNN(cudnn().cudnnBackendGetAttribute(d.get(), name, CUDNN_TYPE_BACKEND_DESCRIPTOR, most, &count, raw.data()));
  values.resize(static_cast<size_t>(std::min(most, count)));
  return values;
}

cudnnDataType_t type_of(DType dtype) { return dtype == kFloat32 ? CUDNN_DATA_FLOAT : CUDNN_DATA_BFLOAT16; }

// cuDNN names dimensions N, C, H, W whatever the order in memory.
DnnDescriptor tensor(int64_t uid, const Shape& nhwc, cudnnDataType_t type, int64_t alignment) {
  const int64_t n = nhwc.dim(0), h = nhwc.dim(1), w = nhwc.dim(2), c = nhwc.dim(3);
  DnnDescriptor d = make(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  set(d, CUDNN_ATTR_TENSOR_UNIQUE_ID, uid);
  set(d, CUDNN_ATTR_TENSOR_DATA_TYPE, type);
  set(d, CUDNN_ATTR_TENSOR_DIMENSIONS, Dims{n, c, h, w});
  set(d, CUDNN_ATTR_TENSOR_STRIDES, Dims{h * w * c, 1, w * c, c});
  set(d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, alignment);
  if (uid >= kBetween) set(d, CUDNN_ATTR_TENSOR_IS_VIRTUAL, true);
  finalize(d);
  return d;
}

DnnDescriptor convolution(const ConvOptions& o) {
  DnnDescriptor d = make(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  set(d, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT);
  set(d, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION);
  set(d, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, int64_t{2});
  set(d, CUDNN_ATTR_CONVOLUTION_DILATIONS, Dims{o.dilation, o.dilation});
  set(d, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, Dims{o.stride, o.stride});
  set(d, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, Dims{o.padding, o.padding});
  set(d, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, Dims{o.padding, o.padding});
  finalize(d);
  return d;
}

// What the three passes call their descriptor and its attributes. Groups follow from the channels of x and w.
struct PassNames {
  cudnnBackendDescriptorType_t operation;
  Name alpha, beta, convolution, x, w, y;
};
const PassNames kPasses[] = {
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y},
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY},
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY},
};

DnnDescriptor convolution_operation(ConvProblem::Pass pass, const DnnDescriptor& how, const DnnDescriptor& x,
                                    const DnnDescriptor& w, const DnnDescriptor& y) {
  const PassNames& names = kPasses[static_cast<size_t>(pass)];
  DnnDescriptor d = make(names.operation);
  set(d, names.alpha, 1.0f);
  set(d, names.beta, 0.0f);
  set(d, names.convolution, how);
  set(d, names.x, x);
  set(d, names.w, w);
  set(d, names.y, y);
  finalize(d);
  return d;
}

// y = a + b, or without b max(a, 0).
DnnDescriptor pointwise_operation(const DnnDescriptor& a, const DnnDescriptor& b, const DnnDescriptor& y) {
  const DnnDescriptor how = make(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  set(how, CUDNN_ATTR_POINTWISE_MODE, b != nullptr ? CUDNN_POINTWISE_ADD : CUDNN_POINTWISE_RELU_FWD);
  set(how, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT);
  finalize(how);
  DnnDescriptor d = make(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  set(d, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, how);
  set(d, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, a);
  if (b != nullptr) set(d, CUDNN_ATTR_OPERATION_POINTWISE_BDESC, b);
  set(d, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
  finalize(d);
  return d;
}

std::string choice_of(const DnnDescriptor& config, const DnnDescriptor& engine) {
  std::string text = concat("engine ", get<int64_t>(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX).at(0));
  for (const DnnDescriptor& knob :
       get(config, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, kMostKnobs)) {
    const auto kind = get<cudnnBackendKnobType_t>(knob, CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE).at(0);
    text += concat(' ', int64_t{kind}, '=', get<int64_t>(knob, CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE).at(0));
  }
  return text;
}

}  // namespace

ConvProblem::Key ConvProblem::key() const {
  return {static_cast<int64_t>(pass),
          x.dim(0),
          x.dim(1),
          x.dim(2),
          x.dim(3),
          w.dim(0),
          w.dim(1),
          options.stride,
          options.padding,
          options.dilation,
          options.groups,
          static_cast<int64_t>(dtype),
          bias,
          residual,
          relu,
          tf32,
          alignment};
}

std::string ConvProblem::text() const {
  const char* const names[] = {"forward", "backward data", "backward weight"};
  return concat(names[static_cast<size_t>(pass)], ' ', dtype, tf32 ? " tf32" : "", " x ", x, " w ", w, " stride ",
                options.stride, " padding ", options.padding, " dilation ", options.dilation, bias ? " bias" : "",
                residual ? " residual" : "", relu ? " relu" : "", " alignment ", alignment);
}

ConvGraph::ConvGraph(const ConvProblem& problem, cudnnHandle_t handle, DnnDescriptor properties)
    : problem_(problem), handle_(handle), properties_(std::move(properties)) {
  const cudnnDataType_t type = type_of(problem.dtype);
  const int64_t alignment = problem.alignment;
  const DnnDescriptor x = tensor(kX, problem.x, type, alignment), w = tensor(kW, problem.w, type, alignment),
                      y = tensor(kY, problem.y, type, alignment), how = convolution(problem.options);
  parts_ = {x, w, y, how};
  int64_t left = problem.bias + problem.residual + problem.relu;  // operations still to come; the last one writes y
  const auto next_result = [&]() -> DnnDescriptor {
    return left == 0 ? y : parts_.emplace_back(tensor(kBetween + left--, problem.y, CUDNN_DATA_FLOAT, kAligned));
  };
  DnnDescriptor result = next_result();
  std::vector<DnnDescriptor> operations = {convolution_operation(problem.pass, how, x, w, result)};
  const auto then = [&](const DnnDescriptor& operand) {
    const DnnDescriptor before = std::exchange(result, next_result());
    operations.push_back(pointwise_operation(before, operand, result));
    if (operand != nullptr) parts_.push_back(operand);
  };
  // In this order: with the bias first cuDNN 9.19 has no engine.
  if (problem.residual) then(tensor(kResidual, problem.y, type, alignment));
  if (problem.bias) then(tensor(kBias, {1, 1, 1, problem.w.dim(0)}, type, alignment));
  if (problem.relu) then(nullptr);
  parts_.insert(parts_.end(), operations.begin(), operations.end());
  graph_ = make(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  set(graph_, CUDNN_ATTR_OPERATIONGRAPH_OPS, operations);
  if (handle_ != nullptr) set(graph_, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, handle_);
  finalize(graph_);
}

std::vector<DnnDescriptor> ConvGraph::suggestions(cudnnBackendHeurMode_t mode) const {
  const DnnDescriptor heuristics = make(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  set(heuristics, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph_);
  set(heuristics, CUDNN_ATTR_ENGINEHEUR_MODE, mode);
  if (properties_ != nullptr) set(heuristics, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, properties_);
  finalize(heuristics);
  int64_t count = 0;
  BS_CUDNN(cudnn().cudnnBackendGetAttribute(heuristics.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                            CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &count, nullptr));
  return get(heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, count);
}

bool ConvGraph::allowed(const DnnDescriptor& engine) const {
  for (const cudnnBackendNumericalNote_t note :
       get<cudnnBackendNumericalNote_t>(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_NUMERICAL_NOTE_TYPE_COUNT)) {
    switch (note) {
      case CUDNN_NUMERICAL_NOTE_TENSOR_CORE:  // of float32: TF32
        if (problem_.dtype == kFloat32 && !problem_.tf32) return false;
        break;
      case CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP:
        break;
      default:  // rounded inputs or sums, transforms that lose digits, sums in any order
        return false;
    }
  }
  return true;
}

ConvPlan ConvGraph::finished(const DnnDescriptor& config, std::string choice) const {
  const DnnDescriptor plan = make(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  set(plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config);
  if (handle_ != nullptr) set(plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, handle_);
  if (properties_ != nullptr) set(plan, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, properties_);
  finalize(plan);
  return {plan, get<int64_t>(plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE).at(0), std::move(choice)};
}

std::vector<ConvPlan> ConvGraph::plans(size_t most, int64_t workspace) const {
  std::vector<ConvPlan> plans;
  std::set<std::string> seen;
  for (const cudnnBackendHeurMode_t mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
    for (const DnnDescriptor& config : suggestions(mode)) {
      if (plans.size() == most) return plans;
      const DnnDescriptor engine = get(config, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR, 1).at(0);
      std::string choice = choice_of(config, engine);
      if (!allowed(engine) || !seen.insert(choice).second) continue;
      try {
        ConvPlan plan = finished(config, std::move(choice));
        if (plan.workspace <= workspace) plans.push_back(std::move(plan));
      } catch (const Error&) {
        // A suggestion is no promise: cuDNN refuses some of its own here. The next one is as good.
      }
    }
  }
  return plans;
}

ConvPlan ConvGraph::plan(const std::string& choice) const {
  std::istringstream in(choice);
  std::string word;
  int64_t index = -1;
  BS_CHECK(in >> word >> index && word == "engine", "cuDNN: expected 'engine INDEX KIND=VALUE ...', got '", choice,
           "'");
  const DnnDescriptor engine = make(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  set(engine, CUDNN_ATTR_ENGINE_OPERATION_GRAPH, graph_);
  set(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, index);
  if (properties_ != nullptr) set(engine, CUDNN_ATTR_ENGINE_DEVICEPROP, properties_);
  finalize(engine);
  BS_CHECK(allowed(engine), "cuDNN: '", choice, "' does not keep the precision of ", problem_.text());

  std::vector<DnnDescriptor> knobs;
  for (int64_t kind = 0, value = 0; in >> kind && in.get() == '=' && in >> value;) {
    knobs.push_back(make(CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR));
    set(knobs.back(), CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, static_cast<cudnnBackendKnobType_t>(kind));
    set(knobs.back(), CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, value);
    finalize(knobs.back());
  }
  const DnnDescriptor config = make(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
  set(config, CUDNN_ATTR_ENGINECFG_ENGINE, engine);
  if (!knobs.empty()) set(config, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, knobs);
  finalize(config);
  return finished(config, choice);
}

DnnDescriptor describe_device(const std::string& json) {
  DnnDescriptor d = make(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  set(d, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, std::vector<char>(json.begin(), json.end()));
  finalize(d);
  return d;
}

namespace {

// "NVIDIA H200, cuDNN 9.19.0": a plan of one GPU or library is none of another's.
std::string where_of(Device device) {
  cudaDeviceProp properties = {};
  BS_CUDA(cudaGetDeviceProperties(&properties, device.index));
  return concat(properties.name, ", cuDNN ", cudnn_version_text());
}

// Milliseconds between two points of a stream, which is kept busy until the host has queued both: else its time to do
// so would be part of a short kernel's.
class StreamTimer {
 public:
  StreamTimer(Device device, cudaStream_t stream) : stream_(stream) {
    try {
      busy_ = Tensor::empty({int64_t{128} << 20}, kUInt8, device);
    } catch (const Error&) {
      // Where memory is that short, times are less exact.
    }
    BS_CUDA(cudaEventCreate(&start_));
    BS_CUDA(cudaEventCreate(&end_));
  }
  ~StreamTimer() {
    cudaEventDestroy(start_);
    cudaEventDestroy(end_);
  }
  StreamTimer(const StreamTimer&) = delete;
  StreamTimer& operator=(const StreamTimer&) = delete;

  float of(const auto& work) {
    if (busy_.defined()) BS_CUDA(cudaMemsetAsync(busy_.raw(), 0, static_cast<size_t>(busy_.bytes()), stream_));
    BS_CUDA(cudaEventRecord(start_, stream_));
    work();
    BS_CUDA(cudaEventRecord(end_, stream_));
    BS_CUDA(cudaEventSynchronize(end_));
    float milliseconds = 0.0f;
    BS_CUDA(cudaEventElapsedTime(&milliseconds, start_, end_));
    return milliseconds;
  }

 private:
  cudaStream_t stream_;
  Tensor busy_;
  cudaEvent_t start_ = nullptr, end_ = nullptr;
};

}  // namespace

Dnn::Dnn(Device device, cudaStream_t stream, double tune_seconds, const std::string& plan_file)
    : device_(device),
      stream_(stream),
      tune_seconds_(tune_seconds),
      file_(plan_file, where_of(device)),
      plans_(kPlansInUse) {
  cudnnHandle_t made = nullptr;
  BS_CUDNN(cudnn().cudnnCreate(&made));
  handle_ = {made, [](cudnnHandle_t handle) { cudnn().cudnnDestroy(handle); }};
  BS_CUDNN(cudnn().cudnnSetStream(made, stream));
}

void Dnn::run(const ConvProblem& problem, const ConvPointers& pointers) {
  BS_CHECK(try_run(problem, pointers), "conv2d: cuDNN ", cudnn_version_text(), " has no engine for ", problem.text());
}

bool Dnn::try_run(const ConvProblem& problem, const ConvPointers& pointers) {
  const ConvProblem::Key key = problem.key();
  const ConvPlan* plan = plans_.find(key);
  if (plan == nullptr) plan = &plans_.put(key, make_plan(problem, pointers));
  if (plan->plan == nullptr) return false;
  execute(*plan, pointers);
  sync_when_asked(stream_, "conv2d by cuDNN");
  return true;
}

ConvPlan Dnn::make_plan(const ConvProblem& problem, const ConvPointers& pointers) {
  const ConvGraph graph(problem, handle_.get());
  if (const std::optional<std::string> kept = file_.find(problem.text())) {
    try {
      return graph.plan(*kept);
    } catch (const Error&) {
      // Written under another driver; found anew below.
    }
  }
  const auto start = std::chrono::steady_clock::now();
  const std::vector<ConvPlan> plans = graph.plans(kPlansTried, kWorkspace);
  if (plans.empty()) return {};
  // The choice is kept even without time to compare: engines differ in their last bits, and the next run is to have the
  // same.
  const ConvPlan& best = tune_seconds_ > 0.0 ? fastest(plans, pointers) : first_that_runs(plans, pointers);
  tune_seconds_ -= std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  try {
    file_.put(problem.text(), best.choice);
  } catch (const Error&) {
    // A file that cannot be written costs the next run its tuning, not this one its result.
  }
  return best;
}

const ConvPlan& Dnn::first_that_runs(const std::vector<ConvPlan>& plans, const ConvPointers& pointers) {
  for (size_t i = 0; i + 1 < plans.size(); ++i) {
    try {
      execute(plans[i], pointers);
      return plans[i];
    } catch (const Error&) {
      // For want of memory, or of the compiler that some engines call.
    }
  }
  return plans.back();
}

const ConvPlan& Dnn::fastest(const std::vector<ConvPlan>& plans, const ConvPointers& pointers) {
  constexpr int kRuns = 5;
  StreamTimer timer(device_, stream_);
  const ConvPlan* best = &first_that_runs(plans, pointers);
  float least = std::numeric_limits<float>::max();
  for (const ConvPlan& plan : plans) {
    try {
      execute(plan, pointers);  // loads the kernel
      for (int run = 0; run < kRuns; ++run) {
        const float time = timer.of([&] { execute(plan, pointers); });
        if (time > 2.0f * least) break;  // it will not win
        if (time < least) best = &plan;
        least = std::min(least, time);
      }
    } catch (const Error&) {
      // As above: another one is as right.
    }
  }
  return *best;
}

void Dnn::execute(const ConvPlan& plan, const ConvPointers& pointers) {
  const Tensor workspace = plan.workspace > 0 ? Tensor::empty({plan.workspace}, kUInt8, device_) : Tensor();
  const DnnDescriptor pack = make(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  Dims uids{kX, kW, kY};
  std::vector<void*> data{pointers.x, pointers.w, pointers.y};
  for (const auto& [uid, pointer] : {std::pair{kBias, pointers.bias}, {kResidual, pointers.residual}}) {
    if (pointer == nullptr) continue;
    uids.push_back(uid);
    data.push_back(pointer);
  }
  set(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, uids);
  set(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, data);
  set(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, workspace.defined() ? workspace.raw() : nullptr);
  finalize(pack);
  BS_CUDNN(cudnn().cudnnBackendExecute(handle_.get(), plan.plan.get(), pack.get()));
}

}  // namespace bareseg
