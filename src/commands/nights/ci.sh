set -u
shotlist check shots.yaml --deny-warnings || exit
shotlist run shots.yaml --rehearse --quiet || exit
code=0
shotlist run shots.yaml --deadline 30m --wait-lock 5m --quiet || code=$?
case $code in
  0) ;;                        # completed
  7 | 75) exit 0 ;;            # unfinished, held: a later job collects
  3) echo "some failed" ;;     # some_failed: see results.csv
  *) exit "$code" ;;           # a person must look
esac
