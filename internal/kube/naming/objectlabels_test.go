package naming

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestObjectLabelsAreFixedOrOfTheFirstOwner(t *testing.T) {
	t.Parallel()
	l := ObjectLabels{Fixed: map[string]string{"team": "edge"}, Copied: []string{"cost-center", "stage"}}
	got := l.Of(map[string]string{"cost-center": "7", "team": "shop"}, map[string]string{"cost-center": "8",
		"stage": "prod", "app": "web"})
	if d := cmp.Diff(map[string]string{"team": "edge", "cost-center": "7", "stage": "prod"}, got); d != "" {
		t.Error(d)
	}
	if got := (ObjectLabels{}).Of(map[string]string{"a": "b"}); got != nil {
		t.Errorf("without labels: %v", got)
	}
	if len(l.Fixed) != 1 {
		t.Error("the fixed labels were changed")
	}
}
