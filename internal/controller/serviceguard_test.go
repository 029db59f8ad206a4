package controller

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/config"
)

// TestAFlagThatChangesTakesNoLoadBalancerOfAServiceAlong restarts the controller with another --load-balancer-class, or without the controller of
// Services, edits the Service, and deletes it.
func TestAFlagThatChangesTakesNoLoadBalancerOfAServiceAlong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ flag, says string }{
		"another class": {"--load-balancer-class=example.com/nlb", "class service.k8s.aws/nlb, and --load-balancer-class is example.com/nlb; the load balancer stays as it is"},
		"the gate off":  {"--feature-gates=EnableServiceController=false", "the feature gate EnableServiceController is off; the load balancer stays as it is"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, account.Profile{}, crashBalancer("net"))
			key := serviceKey("net")
			l.settle(key)
			before := l.leftOfStacks()
			l.configured(c.flag)
			mark, from := l.mark(), len(l.events)
			l.settle(key)
			l.balancer("net", "attributes", "load_balancing.cross_zone.enabled=true")
			l.pass(10*time.Minute, nil, key)
			if w := l.writes(mark); len(w) > 0 || !slices.Equal(l.leftOfStacks(), before) {
				t.Errorf("written %v, left %v", w, l.leftOfStacks())
			}
			if told := l.troubles(from)["Service shop/net"]; len(told) != 1 || !strings.HasPrefix(told[0], "FailedBuildModel: ") || !strings.Contains(told[0], c.says) || !strings.Contains(told[0], "[HeldByFlags]") {
				t.Errorf("told %v", told)
			}
			svc := &corev1.Service{}
			l.drop(svc, "net")
			l.settle(key)
			if l.get(svc, "net") || len(l.leftOfStacks()) > 0 {
				t.Errorf("the Service was deleted: left %v, finalizers %v", l.leftOfStacks(), svc.Finalizers)
			}
		})
	}
}

// TestAnAnnotationReleasesAServiceOfAClassThatIsNotOursAnyMore sets it after the flag was changed on purpose.
func TestAnAnnotationReleasesAServiceOfAClassThatIsNotOursAnyMore(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, crashBalancer("net"))
	key := serviceKey("net")
	l.settle(key)
	l.configured("--load-balancer-class=example.com/nlb")
	l.balancer("net", "allow-deletion", "true")
	l.settle(key)
	svc := &corev1.Service{}
	if l.get(svc, "net"); len(svc.Finalizers) > 0 || len(l.leftOfStacks()) > 0 {
		t.Errorf("left %v, finalizers %v", l.leftOfStacks(), svc.Finalizers)
	}
}

// configured restarts the controller with a flag more.
func (l *lab) configured(flag string) {
	l.Helper()
	c, err := config.Parse([]string{"--cluster-name=demo-cluster", "--aws-vpc-id=" + labVPC, "--aws-region=us-west-2", "--ingress-class=alb", flag})
	l.must(err)
	l.config = c
	l.restart()
}

// TestATargetGroupWithTargetsOfOtherClustersIsKept deletes the Service of a target group that clusters share: with its binding, and after the binding
// was deleted with their namespace.
func TestATargetGroupWithTargetsOfOtherClustersIsKept(t *testing.T) {
	t.Parallel()
	for _, bound := range []bool{true, false} {
		for _, foreign := range []bool{true, false} {
			t.Run(fmt.Sprintf("bound %t foreign %t", bound, foreign), func(t *testing.T) {
				t.Parallel()
				svc := crashBalancer("net")
				svc.Annotations["service.beta.kubernetes.io/aws-load-balancer-multi-cluster-target-group"] = "true"
				l := newLab(t, account.Profile{}, append(chaosEndpoints("net", "a", soakAddress(2, 0)), svc, labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))...)
				key := serviceKey("net")
				l.settle(key)
				arn := l.sim.Resources().TargetGroups[0].ARN
				if len(l.targets(arn)) != 1 {
					t.Fatalf("registered: %v", l.targets(arn))
				}
				if foreign {
					_, err := l.sim.Balancing.RegisterTargets(t.Context(), &elbv2.RegisterTargetsInput{TargetGroupArn: &arn, Targets: []elbtypes.TargetDescription{{Id: aws.String("10.0.140.9"), Port: aws.Int32(8080)}}})
					l.must(err)
				}
				from := len(l.events)
				if !bound {
					ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Finalizers: []string{"kubernetes"}}}
					l.create(ns)
					l.must(l.client.Delete(t.Context(), ns))
					b := l.allBindings()[0]
					l.must(l.client.Delete(t.Context(), &b))
					l.settle() // without a pass over the Service
				}
				l.must(l.client.Delete(t.Context(), svc))
				l.settle(key)
				l.drain(time.Hour)
				if l.get(svc, "net") || len(l.allBindings()) > 0 {
					t.Errorf("the Service or its binding stays: %v", l.events[from:])
				}
				if !foreign {
					if len(l.leftOfStacks()) > 0 {
						t.Errorf("left %v", l.leftOfStacks())
					}
					return
				}
				groups := l.sim.Resources().TargetGroups
				if len(groups) != 1 || len(l.leftOfStacks()) != 1 || len(groups[0].Tags) > 0 {
					t.Fatalf("left %v: %+v", l.leftOfStacks(), groups)
				}
				if got := l.targets(arn); len(got) != 1 || !strings.Contains(got[0], "10.0.140.9") {
					t.Errorf("registered: %v", got)
				}
				if told := strings.Join(l.warnings(from)["Service shop/net"], "\n"); strings.Count(told, "has 1 targets of other clusters: it stays") != 1 || !strings.Contains(told, "[TargetGroupKept]") {
					t.Errorf("told %s", told)
				}
			})
		}
	}
}
