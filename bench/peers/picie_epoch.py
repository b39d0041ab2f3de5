#!/usr/bin/python3
"""The first epoch of PiCIE on CamVid, as bench/picie_epoch.cpp times it, in PyTorch, torchvision, Pillow and faiss.

Usage: picie_epoch.py CAMVID. Two worker processes load and transform images, as a user would; what they hold is not in
resident_MB. Labels stay in memory, which spares PyTorch the authors' files.
"""
import os
import pathlib
import sys
import time

import faiss
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from scipy.optimize import linear_sum_assignment
from torch.utils.data import DataLoader, Dataset

from measure import report
from pillow_views import base_crop, crop_and_flip, draw_transforms, first_view, second_view, tensor
from torch_cpu import ResNetFpn

CLUSTERS, BASE, SIDE, STRIDE, SEED = 11, 320, 160, 4, 1
BATCH_TRAIN, BATCH_CLUSTER, INIT_BATCHES, ITERATIONS, WORKERS = 8, 16, 10, 20, 2
CELLS = SIDE // STRIDE


def files(root, splits, folder, suffix):
    return [f for split in splits for f in sorted((root / folder / split).glob("*" + suffix))]


class Views(Dataset):
    def __init__(self, images, draws, views):
        self.images, self.draws, self.views = images, draws, views

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        image = base_crop(self.images[i], BASE)
        return [i] + [(first_view, second_view)[view](image, self.draws, i, SIDE) for view in self.views]


class Scored(Dataset):
    def __init__(self, images, labels):
        self.images, self.labels = images, labels

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        label = Image.open(self.labels[i])
        width, height = int(SIDE * label.width / label.height), SIDE  # wider than high, all of them
        left = round((width - SIDE) / 2)
        label = label.resize((width, height), Image.NEAREST).crop((left, 0, left + SIDE, SIDE))
        return tensor(base_crop(self.images[i], SIDE)), torch.from_numpy(np.array(label, np.int64))


class Epoch:
    def __init__(self, root):
        torch.manual_seed(SEED)
        self.train_images = files(root, ["train"], "images", ".jpg")
        self.draws = draw_transforms(len(self.train_images), SEED)
        self.val = Scored(*(files(root, ["val", "test"], *kind) for kind in (("images", ".jpg"), ("labels", ".png"))))
        self.network = ResNetFpn().to(memory_format=torch.channels_last)
        self.adam = torch.optim.Adam(self.network.parameters(), lr=1e-3)

    def load(self, views, batch, shuffle=False):
        return DataLoader(Views(self.train_images, self.draws, views), batch, shuffle, num_workers=WORKERS)

    def features(self, images, indexes, view):
        """Unit vectors [N, D, CELLS, CELLS] in the view's final frame."""
        x = self.network(images.contiguous(memory_format=torch.channels_last))
        if view == 1:
            x = torch.stack([crop_and_flip(f, self.draws, i, CELLS) for f, i in zip(x, indexes.tolist())])
        return F.normalize(x, dim=1)

    def rows(self, view):
        for indexes, images in self.load([view], BATCH_CLUSTER):
            x = self.features(images, indexes, view)
            yield indexes, x.permute(0, 2, 3, 1).reshape(-1, x.shape[1]).contiguous()

    def assign(self, points, centroids):
        scores = 2 * points @ centroids.T - (centroids * centroids).sum(1)
        return scores.argmax(1)

    def cluster(self, view):
        self.network.train()
        first, centroids, counts = [], None, None
        for _, points in self.rows(view):
            if centroids is None:
                first.append(points)
                if len(first) < INIT_BATCHES:
                    continue
                points = torch.cat(first)
                kmeans = faiss.Clustering(points.shape[1], CLUSTERS)
                kmeans.niter, kmeans.max_points_per_centroid = ITERATIONS, 10_000_000
                kmeans.train(points.numpy(), faiss.IndexFlatL2(points.shape[1]))
                centroids = torch.from_numpy(faiss.vector_to_array(kmeans.centroids).reshape(CLUSTERS, -1).copy())
                counts = torch.bincount(self.assign(points, centroids), minlength=CLUSTERS).float()
                continue
            labels = self.assign(points, centroids)
            new = torch.bincount(labels, minlength=CLUSTERS).float()
            means = torch.zeros_like(centroids).index_add_(0, labels, points) / new.clamp(min=1)[:, None]
            counts += new
            centroids += (new / counts)[:, None] * (means - centroids)
        return centroids

    def label(self, view, centroids):
        self.network.eval()
        labels = torch.empty(len(self.train_images), CELLS, CELLS, dtype=torch.int64)
        for indexes, points in self.rows(view):
            labels[indexes] = self.assign(points, centroids).view(-1, CELLS, CELLS)
        counts = torch.bincount(labels.flatten(), minlength=CLUSTERS).float()
        return labels, counts / counts.sum()

    def train(self, centroids, labels, weights):
        self.network.train()
        total = 0.0
        for indexes, *images in self.load([0, 1], BATCH_TRAIN, shuffle=True):
            x = [self.features(images[view], indexes, view) for view in range(2)]
            loss = sum(F.cross_entropy(F.conv2d(f, c[:, :, None, None]), y[indexes], w)
                       for f in x for c, y, w in zip(centroids, labels, weights)) / 4
            self.adam.zero_grad(set_to_none=True)
            loss.backward()
            self.adam.step()
            total += loss.item() * len(indexes)
        return total / len(self.train_images)

    def evaluate(self, centroids):
        self.network.eval()
        histogram = torch.zeros(CLUSTERS * CLUSTERS, dtype=torch.int64)
        for images, truth in DataLoader(self.val, BATCH_CLUSTER, num_workers=WORKERS):
            scores = F.conv2d(F.normalize(self.network(images), dim=1), centroids[:, :, None, None])
            found = F.interpolate(scores, size=SIDE, mode="bilinear", align_corners=False).argmax(1)
            known = truth < CLUSTERS
            histogram += torch.bincount(truth[known] * CLUSTERS + found[known], minlength=CLUSTERS * CLUSTERS)
        h = histogram.view(CLUSTERS, CLUSTERS).numpy()
        h = h[:, linear_sum_assignment(h, maximize=True)[1]]
        return 100 * np.mean(np.diag(h) / (h.sum(0) + h.sum(1) - np.diag(h)))

    def run(self):
        with torch.no_grad():
            centroids = [self.cluster(view) for view in range(2)]
            labels, weights = zip(*(self.label(view, centroids[view]) for view in range(2)))
        loss = self.train(centroids, labels, weights)
        with torch.no_grad():
            return loss, max(self.evaluate(c) for c in centroids)


def main():
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    epoch = Epoch(pathlib.Path(sys.argv[1]))
    begin = time.perf_counter()
    loss, miou = epoch.run()
    report("picie_epoch", "PyTorch channels_last", 1e3 * (time.perf_counter() - begin), loss=loss, mIoU=miou)


if __name__ == "__main__":
    main()
