"""Writes cluster/kmeans.txt (made with faiss) and cluster/assignment.txt (made with SciPy) beside this script.

kmeans.txt: cases of "n d k iterations seed", the points, the final centroids, the inertia and repaired clusters of each
iteration. assignment.txt: cases of "rows cols", the values, the least and the greatest sum of an assignment.
"""
import pathlib

import faiss
import numpy as np
from scipy.optimize import linear_sum_assignment

OUT = pathlib.Path(__file__).parent / "cluster"


def text(array):
    return " ".join(f"{float(v):.9g}" for v in np.asarray(array).ravel()) + "\n"


def kmeans_case(points, k, iterations, seed):
    n, d = points.shape
    clustering = faiss.Clustering(d, k)
    clustering.niter, clustering.seed, clustering.nredo = iterations, seed, 1
    clustering.min_points_per_centroid = 1
    clustering.train(points, faiss.IndexFlatL2(d))
    stats = [clustering.iteration_stats.at(i) for i in range(iterations)]
    centroids = faiss.vector_to_array(clustering.centroids)
    return (f"{n} {d} {k} {iterations} {seed}\n" + text(points) + text(centroids)
            + text([s.obj for s in stats]) + text([s.nsplit for s in stats]))


def main():
    rng = np.random.default_rng(7)
    spread = rng.normal(size=(90, 5)).astype(np.float32)
    # Few distinct points: several first centroids coincide, so clusters come out empty.
    repeated = rng.normal(size=(12, 4)).astype(np.float32)[rng.integers(0, 12, 70)]
    with open(OUT / "kmeans.txt", "w") as out:
        out.write(kmeans_case(spread, 7, 6, 0))
        out.write(kmeans_case(spread, 27, 4, 3))
        out.write(kmeans_case(repeated, 9, 5, 0))
        out.write(kmeans_case(repeated, 20, 1, 11))
    with open(OUT / "assignment.txt", "w") as out:
        for rows, cols in [(1, 1), (3, 3), (9, 9), (27, 27), (5, 12), (14, 6), (1, 7), (7, 1)]:
            values = rng.integers(0, 40 if rows == 9 else 100000, (rows, cols))
            sums = [values[linear_sum_assignment(values, maximize=m)].sum() for m in (False, True)]
            out.write(f"{rows} {cols}\n" + " ".join(map(str, values.ravel())) + f"\n{sums[0]} {sums[1]}\n")


main()
