package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
)

// allResources is the key of a budget for the requests of all resources but checkpoints.
const allResources = "all"

// checkpoints are the resource that the controller keeps what it has learned in. It is written some time later than
// what it is about.
const checkpoints = "configmaps"

// uncounted are resources of which requests come at any time: the lease of the leader and the events.
var uncounted = []string{"leases", "events"}

// requestLog is the API server's record of the controller's requests.
type requestLog struct{ path string }

// mark is where the record's last complete line ends; since returns what is after it.
func (l requestLog) mark() int64 {
	content, err := os.ReadFile(l.path)
	if err != nil {
		return 0 // nothing has been requested
	}
	return int64(bytes.LastIndexByte(content, '\n') + 1)
}

// since counts the writes and the reads after a mark by resource, whether of the object or of its status, and those
// that the API server refused too; next marks the end of what was counted. Watches and the discovery of kinds, which is
// read every few seconds, are no reads.
func (l requestLog) since(mark int64) (writes, reads map[string]int, next int64, err error) {
	f, err := os.Open(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, mark, nil
	}
	if err != nil {
		return nil, nil, mark, fmt.Errorf("read the record of Kubernetes requests: %w", err)
	}
	defer f.Close()
	if _, err := f.Seek(mark, io.SeekStart); err != nil {
		return nil, nil, mark, fmt.Errorf("read the record of Kubernetes requests from byte %d on: %w", mark, err)
	}
	writes, reads = map[string]int{}, map[string]int{}
	for rest := bufio.NewReader(f); ; {
		line, err := rest.ReadBytes('\n')
		if errors.Is(err, io.EOF) { // the last line is not complete: what follows comes with the next look
			return writes, reads, mark, nil
		}
		var e struct {
			Stage     string `json:"stage"`
			Verb      string `json:"verb"`
			ObjectRef struct {
				Resource string `json:"resource"`
			} `json:"objectRef"`
		}
		if err == nil {
			err = json.Unmarshal(line, &e)
		}
		if err != nil {
			return nil, nil, mark, fmt.Errorf("read the record of Kubernetes requests: %w", err)
		}
		mark += int64(len(line))
		switch resource := e.ObjectRef.Resource; {
		case e.Stage != "ResponseComplete" || resource == "" || slices.Contains(uncounted, resource) || e.Verb == "watch":
		case e.Verb == "get" || e.Verb == "list":
			reads[resource]++
		default:
			writes[resource]++
		}
	}
}

// requestsOfResource are those of a resource of a budget.
func requestsOfResource(requests map[string]int, resource string) (n int) {
	if resource != allResources {
		return requests[resource]
	}
	for r, m := range requests {
		if r != checkpoints {
			n += m
		}
	}
	return n
}
