package ingresses

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
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestAFlagThatChangesTakesNoLoadBalancerOfAServiceAlong restarts the controller with another --load-balancer-class, or
// without the controller of Services, edits the Service, and deletes it.
func TestAFlagThatChangesTakesNoLoadBalancerOfAServiceAlong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ flag, says string }{
		"another class": {"--load-balancer-class=example.com/nlb",
			"class service.k8s.aws/nlb, and --load-balancer-class is example.com/nlb; the load balancer does not change"},
		"the gate off": {"--feature-gates=EnableServiceController=false",
			"the feature gate EnableServiceController is off; the load balancer does not change"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, lab.CrashBalancer("net"))
			key := lab.ServiceKey("net")
			l.Settle(key)
			before := l.LeftOfStacks()
			configured(l, c.flag)
			mark, from := l.Mark(), len(l.Events)
			l.Settle(key)
			l.Balancer("net", "attributes", "load_balancing.cross_zone.enabled=true")
			l.Pass(10*time.Minute, nil, key)
			if w := l.Writes(mark); len(w) > 0 || !slices.Equal(l.LeftOfStacks(), before) {
				t.Errorf("written %v, left %v", w, l.LeftOfStacks())
			}
			if told := l.Troubles(from)["Service shop/net"]; len(told) != 1 ||
				!strings.HasPrefix(told[0], "FailedBuildModel: ") || !strings.Contains(told[0], c.says) ||
				!strings.Contains(told[0], "[HeldByFlags]") {
				t.Errorf("told %v", told)
			}
			svc := &corev1.Service{}
			l.Drop(svc, "net")
			l.Settle(key)
			if l.Get(svc, "net") || len(l.LeftOfStacks()) > 0 {
				t.Errorf("the Service was deleted: left %v, finalizers %v", l.LeftOfStacks(), svc.Finalizers)
			}
		})
	}
}

// TestAnAnnotationReleasesAServiceOfAClassThatIsNotOursAnyMore sets it after the flag was changed on purpose.
func TestAnAnnotationReleasesAServiceOfAClassThatIsNotOursAnyMore(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.CrashBalancer("net"))
	key := lab.ServiceKey("net")
	l.Settle(key)
	configured(l, "--load-balancer-class=example.com/nlb")
	l.Balancer("net", "allow-deletion", "true")
	l.Settle(key)
	svc := &corev1.Service{}
	if l.Get(svc, "net"); len(svc.Finalizers) > 0 || len(l.LeftOfStacks()) > 0 {
		t.Errorf("left %v, finalizers %v", l.LeftOfStacks(), svc.Finalizers)
	}
}

// configured restarts the controller with a flag more.
func configured(l *lab.Lab, flag string) {
	l.Helper()
	c, err := config.Parse([]string{"--cluster-name=demo-cluster", "--aws-vpc-id=" + lab.VPC, "--aws-region=us-west-2",
		"--ingress-class=alb", flag})
	l.Must(err)
	l.Config = c
	l.Restart()
}

// TestATargetGroupWithTargetsOfOtherClustersIsKept deletes the Service of a target group that clusters share: with its
// binding, and after the binding was deleted with their namespace.
func TestATargetGroupWithTargetsOfOtherClustersIsKept(t *testing.T) {
	t.Parallel()
	for _, bound := range []bool{true, false} {
		for _, foreign := range []bool{true, false} {
			t.Run(fmt.Sprintf("bound %t foreign %t", bound, foreign), func(t *testing.T) {
				t.Parallel()
				svc := lab.CrashBalancer("net")
				svc.Annotations["service.beta.kubernetes.io/aws-load-balancer-multi-cluster-target-group"] = "true"
				l := lab.New(t, account.Profile{}, append(lab.ChaosEndpoints("net", "a", lab.SoakAddress(2, 0)), svc,
					lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))...)
				key := lab.ServiceKey("net")
				l.Settle(key)
				arn := l.Sim.Resources().TargetGroups[0].ARN
				if len(l.Targets(arn)) != 1 {
					t.Fatalf("registered: %v", l.Targets(arn))
				}
				if foreign {
					_, err := l.Sim.Balancing.RegisterTargets(t.Context(), &elbv2.RegisterTargetsInput{TargetGroupArn: &arn,
						Targets: []elbtypes.TargetDescription{{Id: aws.String("10.0.140.9"), Port: aws.Int32(8080)}}})
					l.Must(err)
				}
				from := len(l.Events)
				if !bound {
					ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Finalizers: []string{"kubernetes"}}}
					l.Create(ns)
					l.Must(l.Client.Delete(t.Context(), ns))
					b := l.AllBindings()[0]
					l.Must(l.Client.Delete(t.Context(), &b))
					l.Settle() // without a pass over the Service
				}
				l.Must(l.Client.Delete(t.Context(), svc))
				l.Settle(key)
				l.Drain(time.Hour)
				if l.Get(svc, "net") || len(l.AllBindings()) > 0 {
					t.Errorf("the Service or its binding stays: %v", l.Events[from:])
				}
				if !foreign {
					if len(l.LeftOfStacks()) > 0 {
						t.Errorf("left %v", l.LeftOfStacks())
					}
					return
				}
				groups := l.Sim.Resources().TargetGroups
				if len(groups) != 1 || len(l.LeftOfStacks()) != 1 || len(groups[0].Tags) > 0 {
					t.Fatalf("left %v: %+v", l.LeftOfStacks(), groups)
				}
				if got := l.Targets(arn); len(got) != 1 || !strings.Contains(got[0], "10.0.140.9") {
					t.Errorf("registered: %v", got)
				}
				if told := strings.Join(l.Warnings(from)["Service shop/net"], "\n"); strings.Count(told,
					"which has targets of other clusters (1): the controller keeps the target group") != 1 || !strings.Contains(told, "[TargetGroupKept]") {
					t.Errorf("told %s", told)
				}
			})
		}
	}
}
