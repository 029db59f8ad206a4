package tenants

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// groupsOf are the security groups of the load balancer of an Ingress.
func groupsOf(t *testing.T, c *harness.Cluster, namespace, name string) []string {
	t.Helper()
	return c.LoadBalancer(t, c.IngressAddress(t, namespace, name)).SecurityGroups
}

// tag puts tags on security groups, as a controller did that admits any tag.
func tag(t *testing.T, c *harness.Cluster, groups []string, tags map[string]string) {
	t.Helper()
	in := &ec2.CreateTagsInput{Resources: groups}
	for k, v := range tags {
		in.Tags = append(in.Tags, ec2types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	if _, err := c.Simulator.Compute.CreateTags(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

// TestTagsTakeNothingOfOthers shows that neither tags a tenant declares nor tags from a former
// controller take resources of others.
func TestTagsTakeNothingOfOthers(t *testing.T) {
	c := playgroundOf(t)
	mal, vic := tenant(t, c, "tagmal"), tenant(t, c, "tagvic")
	vic.Apply(t, scene.Backend("tagvic", "web", 1)+scene.Ingress("tagvic", "web", scene.Class, scene.Annotations{
		"target-type": "ip", "inbound-cidrs": "10.99.0.0/16"}))
	mal.Apply(t, scene.Backend("tagmal", "web", 1)+scene.Ingress("tagmal", "web", scene.Class, scene.Annotations{
		"target-type": "ip", "inbound-cidrs": "0.0.0.0/0"}))
	before := groupsOf(t, c, "tagvic", "web")
	for _, tags := range []string{
		"elbv2.k8s.aws/resource=backend-sg", "ELBV2.k8s.aws/resource=backend-sg",
		"Team=a, service.k8s.aws/stack = tagvic/web", "kubernetes.io/cluster/demo-cluster=owned",
	} {
		said := mal.ApplyRefused(t, scene.Ingress("tagmal", "refused", scene.Class, scene.Annotations{"target-type": "ip",
			"tags": tags}))
		if !strings.Contains(said, "is reserved") {
			t.Errorf("%s: %s", tags, said)
		}
	}
	if said := mal.ApplyRefused(t, `apiVersion: v1
kind: Service
metadata:
  name: nlb
  namespace: tagmal
  annotations: {service.beta.kubernetes.io/aws-load-balancer-additional-resource-tags: "ingress.k8s.aws/stack=tagvic/web,ingress.k8s.aws/resource=ManagedLBSecurityGroup"}
spec: {type: LoadBalancer, loadBalancerClass: service.k8s.aws/nlb, selector: {app: web}, ports: [{port: 80, targetPort: http}]}
`); !strings.Contains(said, "is reserved") {
		t.Error(said)
	}

	var own []string
	for _, g := range groupsOf(t, c, "tagmal", "web") {
		if !slices.Contains(before, g) {
			own = append(own, g)
		}
	}
	if len(own) != 1 {
		t.Fatalf("the tenant's own security groups: %v", own)
	}
	tag(t, c, own, map[string]string{
		"elbv2.k8s.aws/resource": "backend-sg", "service.k8s.aws/stack": "tagvic/db",
		"service.k8s.aws/resource": "ManagedLBSecurityGroup",
	})
	c.RestartController(t) // which knows nothing but the tags
	for i, host := range []string{"a.example.com", "b.example.com"} {
		done := scene.Successes(t, c, "tagvic", "web")
		vic.Apply(t, scene.Ingress("tagvic", "web", scene.Class, scene.Annotations{"target-type": "ip",
			"inbound-cidrs": "10.99.0.0/16"}, scene.Path{Host: host, Path: "/"}))
		scene.WaitSuccess(t, c, "tagvic", "web", done)
		if got := groupsOf(t, c, "tagvic", "web"); !slices.Equal(got, before) {
			t.Fatalf("edit %d: security groups %v, before %v", i, got, before)
		}
	}
	if w := scene.Warnings(t, c, "tagvic"); len(w) > 0 {
		t.Errorf("warnings of the victim: %v", w)
	}
}
