package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
)

// TestPlanShowsDeletionProtectionInAWS plans the deletion of an Ingress that declares nothing
// about protection, in a process that has not read the load balancer's attributes.
func TestPlanShowsDeletionProtectionInAWS(t *testing.T) {
	t.Parallel()
	sim, clients := simulated(t)
	deploy(t, clients, "testdata/settings.yaml")
	balancer := sim.Resources().LoadBalancers[0]
	for _, protected := range []string{"true", "false"} {
		if _, err := sim.Balancing.ModifyLoadBalancerAttributes(t.Context(), &elbv2.ModifyLoadBalancerAttributesInput{
			LoadBalancerArn: &balancer.ARN, Attributes: []elbtypes.LoadBalancerAttribute{
				{Key: aws.String("deletion_protection.enabled"), Value: &protected}},
		}); err != nil {
			t.Fatal(err)
		}
		text := deletionPlan(t, clients, "testdata/settings.yaml", offline.Cluster{})
		refused := strings.Contains(text, "REFUSED: deletion protection is enabled on load balancer "+balancer.Name)
		if !strings.Contains(text, "DeleteLoadBalancer") || refused != (protected == "true") {
			t.Errorf("protected: %s\n%s", protected, text)
		}
	}
}

const sharedService = `
apiVersion: v1
kind: Service
metadata:
  name: net
  namespace: shop
  uid: uid-net
  annotations:
    service.beta.kubernetes.io/aws-load-balancer-nlb-target-type: ip
    service.beta.kubernetes.io/aws-load-balancer-multi-cluster-target-group: "true"
spec: {type: LoadBalancer, loadBalancerClass: service.k8s.aws/nlb, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]}
`

// TestThePlanKeepsATargetGroupInWhichOtherClustersHaveTargets plans the deletion of a Service whose target group
// clusters share, while a target is registered that this cluster did, or did not, record as its own.
func TestThePlanKeepsATargetGroupInWhichOtherClustersHaveTargets(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "service.yaml")
	if err := os.WriteFile(file, []byte(sharedService), 0o600); err != nil {
		t.Fatal(err)
	}
	sim, clients := simulated(t)
	deploy(t, clients, file)
	group := sim.Resources().TargetGroups[0]
	if _, err := sim.Balancing.RegisterTargets(t.Context(), &elbv2.RegisterTargetsInput{
		TargetGroupArn: &group.ARN, Targets: []elbtypes.TargetDescription{
			{Id: aws.String("10.0.140.9"), Port: aws.Int32(8080)}},
	}); err != nil {
		t.Fatal(err)
	}
	record := func(targets string) offline.Cluster {
		m := &corev1.ConfigMap{Data: map[string]string{bindingobject.TargetsKey: targets}}
		m.Namespace, m.Name = "shop", naming.ClaimsConfigMap(group.Name)
		return shownBy(fake.NewClientBuilder().WithObjects(m).Build(), objects.Snapshot{}, &config.Config{})
	}
	for name, c := range map[string]struct {
		in    offline.Cluster
		keeps bool
	}{
		"of another cluster":               {record("10.0.140.8:8080"), true},
		"of this cluster":                  {record("10.0.140.8:8080,10.0.140.9:8080"), false},
		"of nobody knows, without cluster": {offline.Cluster{}, false},
	} {
		text := deletionPlan(t, clients, file, c.in)
		kept := strings.Contains(text, "has 1 targets of other clusters: the controller keeps it")
		if kept != c.keeps || strings.Contains(text, "DeleteTargetGroup") == c.keeps ||
			!strings.Contains(text, "DeleteLoadBalancer") {
			t.Errorf("a target %s:\n%s", name, text)
		}
	}
}

// deletionPlan is the plan of the Ingress or Service of a file once it is deleted.
func deletionPlan(t *testing.T, clients awsclient.Clients, file string, in offline.Cluster) string {
	t.Helper()
	all, _ := planned(t, clients, file, in, func(i *inputs, src *source) {
		for _, p := range src.fromFiles {
			if key, _, ok := offline.KeyOf(objects.New(src.reader), &i.config, p.object); ok {
				now := metav1.Now()
				p.object.SetDeletionTimestamp(&now)
				p.object.SetFinalizers([]string{naming.Finalizer(key)})
			}
		}
	})
	if len(all) != 1 {
		t.Fatalf("%d plans", len(all))
	}
	return all[0].Plan.Text(plan.TextOptions{})
}
