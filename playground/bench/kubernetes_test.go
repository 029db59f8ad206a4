package bench

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
)

func TestTheRecordOfTheAPIServerGivesWritesAndReadsByResource(t *testing.T) {
	t.Parallel()
	l := requestLog{filepath.Join(t.TempDir(), "requests.log")}
	if writes, reads, _, err := l.since(l.mark()); len(writes)+len(reads) > 0 || err != nil {
		t.Errorf("before the first request: %v, %v, %v", writes, reads, err)
	}
	lines := ""
	for _, e := range [][3]string{
		{"get", "gateways", "ResponseComplete"}, {"list", "gateways", "ResponseComplete"},
		{"watch", "gateways", "ResponseComplete"}, {"patch", "gateways", "ResponseStarted"},
		{"patch", "services", "ResponseComplete"}, {"update", "configmaps", "ResponseComplete"},
		{"delete", "targetgroupbindings", "ResponseComplete"},
		{"get", "", "ResponseComplete"}, {"update", "leases", "ResponseComplete"}, {"create", "events", "ResponseComplete"},
	} {
		lines += fmt.Sprintf(`{"verb":%q,"stage":%q,"objectRef":{"resource":%q}}`+"\n", e[0], e[2], e[1])
	}
	if err := os.WriteFile(l.path, []byte(lines+`{"verb":"ge`), 0o600); err != nil {
		t.Fatal(err)
	}
	writes, reads, next, err := l.since(0)
	if err != nil || next != l.mark() || !maps.Equal(writes, map[string]int{"services": 1, "configmaps": 1, "targetgroupbindings": 1}) ||
		!maps.Equal(reads, map[string]int{"gateways": 2}) {
		t.Errorf("writes %v, reads %v, %v", writes, reads, err)
	}
	if n := requestsOfResource(writes, allResources); n != 2 {
		t.Errorf("%d writes beside checkpoints", n)
	}
	most := Limit{KubernetesReads: map[string]int{"gateways": 1}}
	if over := (&Result{KubernetesReads: reads}).Exceeds(most); len(over) != 1 {
		t.Errorf("over the limit: %q", over)
	}
	mark := l.mark() // within a line that the API server is writing
	if err := os.WriteFile(l.path, []byte(lines+`{"verb":"get","stage":"ResponseComplete","objectRef":{"resource":"pods"}}`+"\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	if _, reads, _, err := l.since(mark); err != nil || !maps.Equal(reads, map[string]int{"pods": 1}) {
		t.Errorf("after a mark within a line: %v, %v", reads, err)
	}
}
