package docs

import (
	"regexp"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/kube/owner"
)

// everyObject is a command that deletes objects of other controllers too.
var everyObject = regexp.MustCompile(`kubectl delete [^\n]*\b(?:ingress|gateway|service)[^\n]*--all`)

func TestPagesDeleteNoObjectsOfOthers(t *testing.T) {
	t.Parallel()
	may := map[string]string{
		"docs/tasks/terraform.md": "the whole cluster ends",
		"docs/try-a-fault.md":     "the cluster is a playground",
	}
	for name, text := range allPages(t) {
		if m := everyObject.FindString(text); m != "" && may[name] == "" {
			t.Errorf("%s deletes objects of other controllers: %s", name, m)
		}
	}
	if !everyObject.MatchString("kubectl delete ingress,targetgroupbinding -A --all") {
		t.Error("such a command is not found")
	}
}

func TestObservingNamesLoadBalancersOfEachOwner(t *testing.T) {
	t.Parallel()
	page := allPages(t)["docs/operations/observing.md"]
	for _, k := range owner.Kinds {
		for _, prefix := range []string{k.Prefix, k.GroupPrefix} {
			if !strings.Contains(page, "`"+prefix) {
				t.Errorf("%s: the page does not name LoadBalancers %q", k.Owner, prefix)
			}
		}
	}
}
