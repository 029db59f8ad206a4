package securitygroup

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// manyGroups are the groups of a VPC: n of load balancers, one of nodes, and the backend group.
func manyGroups(n int) *Groups {
	g := New(nil, Config{Cluster: "demo", VPC: "vpc-1", Now: time.Now, Loaded: func(context.Context) error { return nil }})
	all := []awsop.SecurityGroup{
		{GroupID: "sg-nodes", SecurityGroup: stack.SecurityGroup{Name: "nodes",
			Tags: map[string]string{naming.SubnetClusterTagPrefix + "demo": "owned"}}},
		{GroupID: "sg-backend", SecurityGroup: stack.SecurityGroup{Name: naming.BackendSecurityGroup("demo"),
			Tags: naming.BackendTracking("demo")}},
	}
	for i := range n {
		all = append(all, awsop.SecurityGroup{GroupID: fmt.Sprint("sg-", i), SecurityGroup: stack.SecurityGroup{
			Name: fmt.Sprint("web-", i), Tags: map[string]string{"Name": "web"}}})
	}
	g.Replace(all, g.Now())
	return g
}

// TestWritesOfGroupsCostNoBytesOfOtherGroups shows that a pass after a write of a security group pays for no other.
func TestWritesOfGroupsCostNoBytesOfOtherGroups(t *testing.T) { // not parallel: it counts bytes
	literal := func(r stack.Ref) string { return r.Literal }
	rule := []stack.Permission{{Protocol: "tcp", FromPort: 80, ToPort: 80, CIDR: "10.0.0.0/8"}}
	for what, ops := range map[string][]plan.Operation{
		"a rule comes and goes": {
			awsop.AuthorizeSecurityGroupIngress{Group: stack.Literal(stack.KindSecurityGroup, "sg-7"), Permissions: rule},
			awsop.RevokeSecurityGroupIngress{Group: stack.Literal(stack.KindSecurityGroup, "sg-7"), Permissions: rule}},
		"a group comes and goes": {
			awsop.CreateSecurityGroup{Group: stack.SecurityGroup{ID: "new", Name: "new"}},
			awsop.DeleteSecurityGroup{Group: stack.Literal(stack.KindSecurityGroup, "sg-new")}},
	} {
		t.Run(what, func(t *testing.T) {
			growth.AtMost(t, growth.Constant, "bytes, by security groups", func(n int) float64 {
				g := manyGroups(n)
				return growth.Bytes(func() {
					for _, op := range ops {
						g.Record(op, awsop.Output{ID: "sg-new"}, literal)
						all, err := g.OfCluster(t.Context())
						if own := g.Backend(); err != nil || len(own) != 1 || own[0].GroupID != "sg-backend" ||
							!slices.Equal(all, []string{"sg-nodes"}) {
							t.Fatalf("%v %v: %v", own, all, err)
						}
					}
				})
			})
		})
	}
}
