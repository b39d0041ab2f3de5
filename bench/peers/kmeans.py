#!/usr/bin/python3
"""The Lloyd iteration of bench/kmeans.cpp in scikit-learn and faiss.

Usage: kmeans.py NAME, NAME as in bareseg_bench: kmeans/27, kmeans/1000.
"""
import os
import sys

import faiss
import numpy as np
from sklearn.cluster._k_means_lloyd import lloyd_iter_chunked_dense
from threadpoolctl import threadpool_limits

from measure import median_ms, report

POINTS, DIMS = 819_200, 128


def sklearn_iteration(points, clusters):
    """KMeans.fit's own iteration, without what fit does once."""
    old, new = points[:clusters].copy(), np.zeros((clusters, DIMS), np.float32)
    ones, weights = np.ones(len(points), np.float32), np.zeros(clusters, np.float32)
    labels, shift = np.full(len(points), -1, np.int32), np.zeros(clusters, np.float32)

    def run():
        nonlocal old, new
        with threadpool_limits(limits=1, user_api="blas"):  # as fit does: its own threads call BLAS
            lloyd_iter_chunked_dense(points, ones, old, new, weights, labels, shift, len(os.sched_getaffinity(0)))
        old, new = new, old

    return run


def faiss_ms(points, clusters, iterations):
    clustering = faiss.Clustering(DIMS, clusters)
    clustering.niter = iterations
    clustering.min_points_per_centroid = 1
    clustering.max_points_per_centroid = POINTS
    clustering.train(points, faiss.IndexFlatL2(DIMS))
    stats = [clustering.iteration_stats.at(i).time for i in range(iterations)]
    return 1e3 * stats[-1] / iterations


def main():
    name = sys.argv[1]
    clusters = int(name.split("/")[1])
    random = np.random.default_rng(1)
    points = random.standard_normal((POINTS, DIMS), np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    few = clusters > 100
    report(name, "scikit-learn", median_ms(sklearn_iteration(points, clusters), 0.0, 2 if few else 7))
    report(name, "faiss", faiss_ms(points, clusters, 2 if few else 5))


if __name__ == "__main__":
    main()
