package controller

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// labMal is the key of the attacker's Ingress.
var labMal = stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "mal", Name: "evil"}}

// userOfOthers is an Ingress of namespace mal with a load balancer of its own.
func userOfOthers(annotations map[string]string) []client.Object {
	i, s := labIngress("evil", annotations, "theirs"), labService("theirs")
	i.Namespace, s.Namespace = "mal", "mal"
	return []client.Object{i, s}
}

// managedGroup is the id of the managed security group of a stack.
func (l *lab) managedGroup(id string) string {
	l.Helper()
	l.sim.Account.Lock()
	defer l.sim.Account.Unlock()
	for _, g := range l.sim.Account.SecurityGroups {
		if g.Tags[naming.StackTag(stack.Ingress)] == id {
			return g.ID
		}
	}
	l.Fatalf("no security group of %s", id)
	return ""
}

// importedCertificate is the ARN of the only certificate that a stack owns.
func (l *lab) importedCertificate() string {
	l.Helper()
	l.sim.Account.Lock()
	defer l.sim.Account.Unlock()
	for _, c := range l.sim.Account.Certificates {
		if c.Tags[naming.ClusterTag] != "" {
			return c.ARN
		}
	}
	l.Fatal("no certificate is imported")
	return ""
}

// TestDeletionDoesNotWaitForUsersOfOthers deletes an Ingress whose security group and certificate a load balancer of another namespace uses.
func TestDeletionDoesNotWaitForUsersOfOthers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		takes func(l *lab) map[string]string
		code  diag.Code
	}{
		"security group": {func(l *lab) map[string]string {
			return map[string]string{"security-groups": l.managedGroup("shop/web")}
		}, diag.ResourceInUse},
		"certificate": {func(l *lab) map[string]string {
			return map[string]string{"certificate-arn": l.importedCertificate()}
		}, diag.ResourceInUse},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, account.Profile{}, labClass(), labService("s0"))
			l.ownCertificates()
			l.create(sealed("web", "tls"))
			l.settle(implicit("web"))
			l.create(userOfOthers(c.takes(l))...)
			l.settle(labMal)
			if l.balancers() != 2 {
				t.Fatalf("%d load balancers\n%s", l.balancers(), strings.Join(l.events, "\n"))
			}
			l.must(l.client.Delete(t.Context(), sealed("web", "tls")))
			for range 20 {
				wait, _ := l.round(implicit("web"))
				l.clock.Advance(min(max(wait, time.Second), time.Minute))
			}
			told := strings.Join(l.events, "\n")
			if l.get(&networkingv1.Ingress{}, "web") {
				t.Errorf("the Ingress stays\n%s", told)
			}
			if l.balancers() != 1 {
				t.Errorf("left: %v", l.left())
			}
			if !strings.Contains(told, "["+string(c.code)+"]") {
				t.Errorf("no event tells of it:\n%s", told)
			}
			mark := l.mark()
			l.clock.Advance(time.Hour)
			l.settle(implicit("web"))
			if got := l.writes(mark); len(got) > 0 {
				t.Errorf("written after the deletion: %v", got)
			}
		})
	}
}

// TestDeletionDoesNotWaitForRulesThatNameItsGroup has a rule of another security group admit that of an Ingress, as TargetGroupBindings
// of tenants can. Rules of its own bindings are given time to go.
func TestDeletionDoesNotWaitForRulesThatNameItsGroup(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("web", nil, "web"))
	l.settle(implicit("web"))
	other, err := l.sim.Compute.CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{GroupName: aws.String("theirs"), Description: aws.String("theirs"), VpcId: aws.String(labVPC)})
	l.must(err)
	_, err = l.sim.Compute.AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{GroupId: other.GroupId, IpPermissions: []ec2types.IpPermission{{
		IpProtocol: aws.String("tcp"), FromPort: aws.Int32(80), ToPort: aws.Int32(80), UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: aws.String(l.managedGroup("shop/web"))}},
	}}})
	l.must(err)
	l.clock.Advance(time.Since(l.clock.Now())) // the deletion has the time of the machine
	l.settle(implicit("web"))
	l.must(l.client.Delete(t.Context(), labIngress("web", nil, "web")))
	began := l.clock.Now()
	for l.get(&networkingv1.Ingress{}, "web") && l.clock.Now().Sub(began) < 10*time.Minute {
		wait, _ := l.round(implicit("web"))
		l.clock.Advance(min(max(wait, time.Second), time.Minute))
	}
	if waited := l.clock.Now().Sub(began); waited < 5*time.Minute || waited > 9*time.Minute {
		t.Errorf("the Ingress goes after %s", waited)
	}
	if told := strings.Join(l.events, "\n"); !strings.Contains(told, "as a rule of security group "+*other.GroupId+" uses it") {
		t.Errorf("no event tells of it:\n%s", told)
	}
}
