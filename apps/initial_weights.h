// Weights that a training starts from.
#pragma once

#include <string>

#include "apps/segmenter.h"

namespace bareseg {

/// Loads what a file of weights has of the network: a backbone of torchvision's names, or names of ours, of the
/// authors' checkpoints or of torchvision's DeepLabV3, whose own classifier goes to `head` where one is given and has
/// as many classes. @throws Error when parts of the network are missing, or a shape differs.
void load_initial_weights(SegmentationNetwork& network, const std::string& file, Classifier* head = nullptr);

}  // namespace bareseg
