package certificate

import (
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
)

func TestACertificateIsOwnedByTagsOfEachKindOfOwnerThatMayOwnOne(t *testing.T) {
	t.Parallel()
	for _, k := range owner.Kinds {
		var r record
		r.setTags(naming.Tracking(k.Owner, "demo", "shop/web", "imported/shop-tls"), time.Unix(1, 0))
		if r.Owned != k.OwnsCertificates {
			t.Errorf("tags of %s: owned %v", k.Owner, r.Owned)
		}
		r.setTags(map[string]string{naming.StackTag(k.Owner): "shop/web"}, time.Unix(1, 0))
		if r.Owned {
			t.Errorf("a certificate without the tag of a cluster is owned by %s", k.Owner)
		}
	}
}
