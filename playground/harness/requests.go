package harness

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

// requestsFile is the file of the audit events in the playground's directory.
const requestsFile = "requests.json"

// Requests are the audit events of the controller's requests to the API server so far. They need Options.Requests.
func (c *Cluster) Requests(t testing.TB) (out []auditv1.Event) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(c.dir, requestsFile))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(content) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			continue // is being written
		}
		var e auditv1.Event
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}
