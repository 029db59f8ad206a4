package network

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/lbc/migrate"
)

// TestTheFateOfEveryAnnotationOfServicesIsKnown fails for an annotation that is added without a row.
func TestTheFateOfEveryAnnotationOfServicesIsKnown(t *testing.T) {
	t.Parallel()
	rows := map[annotation.Key]int{}
	for _, r := range Rows() {
		rows[r.Key]++
		complete := map[migrate.Fate]bool{
			migrate.Translated: r.To != "", migrate.Equivalent: r.Why != "", migrate.Kept: r.Why != "",
			migrate.Cannot: r.Why != "" && r.Remedy != "",
		}
		if !complete[r.Fate] {
			t.Errorf("%s: %+v", r.Key, r)
		}
	}
	for _, e := range annotation.Entries() {
		if strings.HasPrefix(string(e.Key), annotation.ServicePrefix) && rows[e.Key] != 1 {
			t.Errorf("%s has %d rows", e.Key, rows[e.Key])
		}
		delete(rows, e.Key)
	}
	for k := range rows {
		t.Errorf("%s is no annotation", k)
	}
}
