#include "apps/mdc.h"

#include "apps/picie.h"

namespace bareseg {

ClusterOptions mdc_preset(const std::string& name) {
  ClusterOptions o = picie_preset(name);
  o.method = "mdc";
  o.views = 1;
  o.nonparametric = false;
  o.out = "runs/mdc";
  o.lr_decay_epochs = 20;
  o.repeats_split = "val";
  if (name.empty()) {  // the authors' program, but for its 1000 clusters, with which it cannot score
    o.batch_cluster = 128;
    o.res2 = 320;
    o.lr = 1e-3;
    o.repeats = 10;
    return o;
  }
  o.repeats = 1;
  if (name == "cityscapes") o.num_init_batches = o.kmeans_iterations = 30;
  return o;
}

}  // namespace bareseg
