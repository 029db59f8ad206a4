package queue

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
)

// TestManyKeysOfATenantDelayNoOther has a tenant add a thousand keys before others add theirs.
func TestManyKeysOfATenantDelayNoOther(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	var ran []string
	k := NewKeyed(time.Second, func() time.Time { return now }, func(ctx context.Context, key string) Retry {
		ran = append(ran, key+" of "+awsclient.TenantOf(ctx))
		return Retry{}
	})
	k.Tenant = func(key string) string {
		tenant, _, _ := strings.Cut(key, "/")
		return tenant
	}
	for i := range 1000 {
		k.AddNow(fmt.Sprintf("mal/%04d", i))
	}
	now = now.Add(time.Second)
	k.AddNow("shop/web")
	k.AddNow("shop/api")
	k.AddNow("pay/api")
	k.runDue(t.Context())
	if diff := cmp.Diff([]string{"mal/0000 of mal", "pay/api of pay", "shop/api of shop", "mal/0001 of mal",
		"shop/web of shop", "mal/0002 of mal"}, ran[:6]); diff != "" {
		t.Error(diff)
	}
	if len(ran) != 1003 || k.Len() != 0 {
		t.Errorf("%d runs, %d keys left", len(ran), k.Len())
	}
}
