package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// allWrites is the key of a budget for the writes of all resources but checkpoints.
const allWrites = "all"

// checkpoints are the resource that the controller keeps what it has learned in. It is written some time later than what it is about.
const checkpoints = "configmaps"

// writeLog is the API server's record of the controller's writes.
type writeLog struct{ path string }

// mark is where the record stands now; since returns what is after it.
func (l writeLog) mark() int64 {
	info, err := os.Stat(l.path)
	if err != nil {
		return 0 // nothing has been written
	}
	return info.Size()
}

// since counts the writes after a mark by resource, whether of the object or of its status, and those that the API server refused too.
func (l writeLog) since(mark int64) (map[string]int, error) {
	content, err := os.ReadFile(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil || int64(len(content)) < mark {
		return nil, fmt.Errorf("read the record of Kubernetes writes from byte %d on: %d bytes, %w", mark, len(content), err)
	}
	out := map[string]int{}
	for lines := bufio.NewScanner(bytes.NewReader(content[mark:])); lines.Scan(); {
		var e struct {
			Stage     string `json:"stage"`
			ObjectRef struct {
				Resource string `json:"resource"`
			} `json:"objectRef"`
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("read the record of Kubernetes writes: %w", err)
		}
		if e.Stage == "ResponseComplete" {
			out[e.ObjectRef.Resource]++
		}
	}
	return out, nil
}

// writesOfResource are those of a resource of a budget.
func writesOfResource(writes map[string]int, resource string) (n int) {
	if resource != allWrites {
		return writes[resource]
	}
	for r, m := range writes {
		if r != checkpoints {
			n += m
		}
	}
	return n
}
