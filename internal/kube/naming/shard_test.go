package naming

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestTheIDOfAShardNamesItsGroupAndIsThatOfNoOtherGroup(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"shop", "shop-1", "shop.1", "1", strings.Repeat("a", maxSharded)} {
		group := stack.ID{Name: name}
		if !Shardable(group) {
			t.Errorf("group %s has no room for the number of a shard", group)
		}
		for n := range MaxShards {
			id := ShardID(group, n)
			if of, at := ShardOf(id); of != group || at != n {
				t.Errorf("ShardOf(%s) = %s, %d, want %s, %d", id, of, at, group, n)
			}
			if n == 0 && id != group {
				t.Errorf("the first load balancer of %s has the ID %s", group, id)
			}
			if n > 0 && GroupNameProblem(id.Name) == "" {
				t.Errorf("%s may be the name of a group", id)
			}
			key := stack.Key{Owner: stack.Ingress, ID: id}
			if problems := validation.IsQualifiedName(Finalizer(key)); len(problems) > 0 {
				t.Errorf("finalizer %s: %v", Finalizer(key), problems)
			}
			for _, value := range Labels(key) {
				if problems := validation.IsValidLabelValue(value); len(problems) > 0 {
					t.Errorf("label %s: %v", value, problems)
				}
			}
		}
	}
}

func TestWhatIsNoIDOfAShardIsAGroupOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, id := range []stack.ID{{Name: "shop_0"}, {Name: "shop_01"}, {Name: "shop_16"}, {Name: "shop_"},
		{Name: "shop_x"}, {Namespace: "ns", Name: "long_1"}, {Name: "shop"}} {
		if group, n := ShardOf(id); group != id || n != 0 {
			t.Errorf("ShardOf(%v) = %v, %d", id, group, n)
		}
	}
	if Shardable(stack.ID{Name: strings.Repeat("a", maxSharded+1)}) || Shardable(stack.ID{Namespace: "ns", Name: "web"}) {
		t.Error("a name without room, or that of one object, may have shards")
	}
}

func TestNamesOfTheResourcesOfShardsDiffer(t *testing.T) {
	t.Parallel()
	group, seen := stack.ID{Name: "shop"}, map[string]bool{}
	for n := range MaxShards {
		id := ShardID(group, n)
		for _, name := range []string{
			IngressLoadBalancer("c", id, "internal"), IngressSecurityGroup("c", id),
			IngressTargetGroup{Cluster: "c", Group: id, IngressNamespace: "ns", IngressName: "web", ServiceNamespace: "ns",
				ServiceName: "app", ServicePort: "80", Port: 80}.Name(),
		} {
			if seen[name] {
				t.Errorf("shard %d has the name %s of another one", n, name)
			}
			seen[name] = true
		}
	}
}

func TestTheNameOfALoadBalancerIsInItsDNSName(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"k8s-shop-web-0123456789-1234567890.us-west-2.elb.amazonaws.com":           "k8s-shop-web-0123456789",
		"internal-k8s-shop-web-0123456789-1234567890.us-west-2.elb.amazonaws.com":  "k8s-shop-web-0123456789",
		"dualstack.K8s-shop-1234567890.us-west-2.elb.amazonaws.com":                "k8s-shop",
		"k8s-shop-web-0123456789-0a1de0000000000a.elb.us-west-2.amazonaws.com":     "k8s-shop-web-0123456789",
		"k8s-shop-web-0123456789-0a1de0000000000a.elb.cn-north-1.amazonaws.com.cn": "k8s-shop-web-0123456789",
		"www.example.com": "", "www-1.example.com": "", "": "", "-1.us-west-2.elb.amazonaws.com": "",
	} {
		if got := OfHostname(host); got != want {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
	}
}
