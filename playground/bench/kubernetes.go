package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
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
// that the API server refused too. Watches and the discovery of kinds, which is read every few seconds, are no reads.
func (l requestLog) since(mark int64) (writes, reads map[string]int, err error) {
	content, err := os.ReadFile(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil || int64(len(content)) < mark {
		return nil, nil, fmt.Errorf("read the record of Kubernetes requests from byte %d on: %d bytes, %w", mark,
			len(content), err)
	}
	writes, reads = map[string]int{}, map[string]int{}
	for rest := bufio.NewReader(bytes.NewReader(content[mark:])); ; {
		line, err := rest.ReadBytes('\n')
		if err != nil { // the last line is not complete
			return writes, reads, nil //nolint:nilerr // what follows comes with the next look
		}
		var e struct {
			Stage     string `json:"stage"`
			Verb      string `json:"verb"`
			ObjectRef struct {
				Resource string `json:"resource"`
			} `json:"objectRef"`
		}
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, nil, fmt.Errorf("read the record of Kubernetes requests: %w", err)
		}
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
