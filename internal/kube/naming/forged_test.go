package naming_test

import (
	"testing"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/tagkey"
)

// TestUsersCannotForgeTagsOfOwners shows that the keys by which load balancers are found are the controller's alone.
func TestUsersCannotForgeTagsOfOwners(t *testing.T) {
	t.Parallel()
	for _, k := range owner.Kinds {
		for _, key := range []string{naming.StackTag(k.Owner), naming.ResourceTag(k.Owner)} {
			if !tagkey.Reserved(key) {
				t.Errorf("users may set the tag %s of %s: add its domain to package tagkey", key, k.Kind)
			}
		}
	}
}
