package environment

import (
	"testing"

	"github.com/k8s-lbc/lbc/awssim/seed"
)

func TestReleaseWithoutControllersIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		values  map[string]any
		refused bool
	}{
		"no replicas": {values: map[string]any{"replicaCount": 0}, refused: true},
		"two":         {values: map[string]any{"replicaCount": 2}},
		"autoscaling": {values: map[string]any{"autoscaling": map[string]any{"enabled": true}}},
	} {
		file := seed.File{Region: "us-west-2", Cluster: seed.Cluster{Name: "demo"}, VPC: seed.VPC{ID: "vpc-1"}}
		err := (&Release{Values: c.values}).render("../../charts/aws-load-balancer-controller", file)
		if (err != nil) != c.refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}
