// MDC, the baseline of PiCIE's authors: DeepCluster (Caron et al., ECCV 2018) on pixels. One view, and a classifier
// that is learnt afresh in every epoch.
#pragma once

#include "apps/cluster_options.h"

namespace bareseg {

/// Defaults of a named preset: coco, cityscapes, camvid, demo; "" for the program's. @throws Error on other names.
ClusterOptions mdc_preset(const std::string& name);

}  // namespace bareseg
