package tagkey

import "testing"

func TestReservedTags(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]bool{
		"elbv2.k8s.aws/cluster":            true,
		"elbv2.k8s.aws/resource":           true,
		"elbv2.k8s.aws/retained":           true,
		"elbv2.k8s.aws/anything-new":       true,
		"ELBv2.K8s.AWS/Resource":           true,
		"  elbv2.k8s.aws/resource\t":       true,
		"\u00a0elbv2.k8s.aws/resource":     true,
		"ingress.k8s.aws/stack":            true,
		"service.k8s.aws/resource":         true,
		"gateway.k8s.aws/ca-bundle":        true,
		"gateway.k8s.aws.alb/stack":        true,
		"gateway.k8s.aws.nlb/resource":     true,
		"aga.k8s.aws/stack":                true,
		"kubernetes.io/cluster/demo":       true,
		"gateway.k8s.aws/migrated-from":    false,
		"gateway.k8s.aws/Migrated-from":    true,
		"kubernetes.io/role/elb":           false,
		"kubernetes.io/service-name":       false,
		"Name":                             false,
		"team/elbv2.k8s.aws/resource":      false,
		"gateway.k8s.awesome/stack":        false,
		"gateway.k8s.aws":                  false,
		"elbv2-k8s-aws/resource":           false,
		"kubernetes.io/clusters/demo":      false,
		"":                                 false,
		"example.com/ingress.k8s.aws/team": false,
	} {
		if got := Reserved(key); got != want {
			t.Errorf("%q: reserved %t", key, got)
		}
	}
}

func TestTagsThatSelect(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]bool{
		"karpenter.sh/discovery":                    true,
		" Karpenter.sh/Discovery":                   true,
		"karpenter.k8s.aws/cluster":                 true,
		"k8s.io/cluster-autoscaler/enabled":         true,
		"k8s.io/cluster-autoscaler/demo":            true,
		"kubernetes.io/role/elb":                    true,
		"kubernetes.io/role/cni":                    true,
		"eks:eks-cluster-name":                      true,
		"sigs.k8s.io/cluster-api-provider-aws/role": true,
		"KubernetesCluster":                         true,
		"kops.k8s.io/instancegroup":                 true,
		"kubernetes.io/service-name":                false,
		"karpenter.sh":                              false,
		"team/karpenter.sh/discovery":               false,
		"KubernetesClusters":                        false,
		"Name":                                      false,
		"sigs.k8s.io/other":                         false,
		"elbv2.k8s.aws/cluster":                     false,
	} {
		if got := Selects(key); got != want {
			t.Errorf("%q: selects %t", key, got)
		}
	}
	tags := map[string]string{"karpenter.sh/discovery": "demo", "elbv2.k8s.aws/cluster": "demo", "Team": "a"}
	if got := Without(tags, nil); len(got) != 1 || got["Team"] != "a" || len(tags) != 3 {
		t.Errorf("of a tenant: %v, of %v", got, tags)
	}
	if got := Without(tags, Administered); len(got) != 2 || got["elbv2.k8s.aws/cluster"] != "" {
		t.Errorf("of an administrator: %v", got)
	}
}
