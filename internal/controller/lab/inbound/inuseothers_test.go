package inbound

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
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// labMal is the key of the attacker's Ingress.
var labMal = stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "mal", Name: "evil"}}

// userOfOthers is an Ingress of namespace mal with a load balancer of its own.
func userOfOthers(annotations map[string]string) []client.Object {
	i, s := lab.Ingress("evil", annotations, "theirs"), lab.Service("theirs")
	i.Namespace, s.Namespace = "mal", "mal"
	return []client.Object{i, s}
}

// managedGroup is the id of the managed security group of a stack.
func managedGroup(l *lab.Lab, id string) string {
	l.Helper()
	l.Sim.Account.Lock()
	defer l.Sim.Account.Unlock()
	for _, g := range l.Sim.Account.SecurityGroups {
		if g.Tags[naming.StackTag(stack.Ingress)] == id {
			return g.ID
		}
	}
	l.Fatalf("no security group of %s", id)
	return ""
}

// importedCertificate is the ARN of the only certificate that a stack owns.
func importedCertificate(l *lab.Lab) string {
	l.Helper()
	l.Sim.Account.Lock()
	defer l.Sim.Account.Unlock()
	for _, c := range l.Sim.Account.Certificates {
		if c.Tags[naming.ClusterTag] != "" {
			return c.ARN
		}
	}
	l.Fatal("no certificate is imported")
	return ""
}

// TestDeletionDoesNotWaitForUsersOfOthers deletes an Ingress whose security group and certificate a load balancer of
// another namespace uses.
func TestDeletionDoesNotWaitForUsersOfOthers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		takes func(l *lab.Lab) map[string]string
		code  diag.Code
	}{
		"security group": {func(l *lab.Lab) map[string]string {
			return map[string]string{"security-groups": managedGroup(l, "shop/web")}
		}, diag.ResourceInUse},
		"certificate": {func(l *lab.Lab) map[string]string {
			return map[string]string{"certificate-arn": importedCertificate(l)}
		}, diag.ResourceInUse},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("s0"))
			l.OwnCertificates()
			l.Create(lab.Sealed("web", "tls"))
			l.Settle(lab.Key("web"))
			l.Create(userOfOthers(c.takes(l))...)
			l.Settle(labMal)
			if l.Balancers() != 2 {
				t.Fatalf("%d load balancers\n%s", l.Balancers(), strings.Join(l.Events, "\n"))
			}
			l.Must(l.Client.Delete(t.Context(), lab.Sealed("web", "tls")))
			for range 20 {
				wait, _ := l.Round(lab.Key("web"))
				l.Clock.Advance(min(max(wait, time.Second), time.Minute))
			}
			told := strings.Join(l.Events, "\n")
			if l.Get(&networkingv1.Ingress{}, "web") {
				t.Errorf("the Ingress stays\n%s", told)
			}
			if l.Balancers() != 1 {
				t.Errorf("left: %v", l.Left())
			}
			if !strings.Contains(told, "["+string(c.code)+"]") {
				t.Errorf("no event tells of it:\n%s", told)
			}
			mark := l.Mark()
			l.Clock.Advance(time.Hour)
			l.Settle(lab.Key("web"))
			if got := l.Writes(mark); len(got) > 0 {
				t.Errorf("written after the deletion: %v", got)
			}
		})
	}
}

// TestDeletionDoesNotWaitForRulesThatNameItsGroup has a rule of another security group admit that of an Ingress, as
// TargetGroupBindings of tenants can. Rules of its own bindings are given time to go.
func TestDeletionDoesNotWaitForRulesThatNameItsGroup(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"))
	l.Settle(lab.Key("web"))
	other, err := l.Sim.Compute.CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{
		GroupName: aws.String("theirs"), Description: aws.String("theirs"), VpcId: aws.String(lab.VPC)})
	l.Must(err)
	_, err = l.Sim.Compute.AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: other.GroupId, IpPermissions: []ec2types.IpPermission{{
			IpProtocol: aws.String("tcp"), FromPort: aws.Int32(80), ToPort: aws.Int32(80),
			UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: aws.String(managedGroup(l, "shop/web"))}},
		}}})
	l.Must(err)
	l.Clock.Advance(time.Since(l.Clock.Now())) // the deletion has the time of the machine
	l.Settle(lab.Key("web"))
	l.Must(l.Client.Delete(t.Context(), lab.Ingress("web", nil, "web")))
	began := l.Clock.Now()
	for l.Get(&networkingv1.Ingress{}, "web") && l.Clock.Now().Sub(began) < 10*time.Minute {
		wait, _ := l.Round(lab.Key("web"))
		l.Clock.Advance(min(max(wait, time.Second), time.Minute))
	}
	if waited := l.Clock.Now().Sub(began); waited < 5*time.Minute || waited > 9*time.Minute {
		t.Errorf("the Ingress goes after %s", waited)
	}
	if told := strings.Join(l.Events, "\n"); !strings.Contains(told, "because a rule of security group "+*other.GroupId+
		" uses it") {
		t.Errorf("no event tells of it:\n%s", told)
	}
}
