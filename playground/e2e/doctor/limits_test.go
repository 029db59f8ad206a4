package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// limit sets a quota of the account until the end of the test.
func limit(t *testing.T, c *harness.Cluster, name string, n int) {
	t.Helper()
	was := c.Simulator.Account.Quota(name)
	set := func(n int) error { return c.Simulator.SetQuotas(map[string]int{name: n}) }
	if err := set(n); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := set(was); err != nil {
			t.Error(err)
		}
	})
}

// TestALimitThatIsReachedIsFound shows that lbc doctor compares load balancers with the quota that
// AWS reports.
func TestALimitThatIsReachedIsFound(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of internal/lbc/checks show each check")
	}
	c := cluster(t)
	limit(t, c, "application-load-balancers", 1)
	found(t, c, trouble{check: "quota", severity: "error", object: "account",
		evidence: "of 1 of limit application-load-balancers"})
}

// TestLimitsOfSecurityGroupsAreFound shows that lbc doctor counts security groups and their rules
// in a live account against the quotas. AWS allows a load balancer no more groups than one has, and
// the test fills the group of the nodes.
func TestLimitsOfSecurityGroupsAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of internal/lbc/checks show each check")
	}
	c := cluster(t)
	arn := c.LoadBalancer(t, c.IngressAddress(t, served, "web")).ARN
	out, err := c.Simulator.Balancing.DescribeLoadBalancers(t.Context(), &elb.DescribeLoadBalancersInput{
		LoadBalancerArns: []string{arn}})
	if err != nil {
		t.Fatal(err)
	}
	lb := out.LoadBalancers[0]
	limit(t, c, "security-groups-per-network-interface", len(lb.SecurityGroups))
	found(t, c, trouble{
		check: "quota-security-groups", severity: "warning", object: "load balancer " + *lb.LoadBalancerName,
		evidence: fmt.Sprintf("%d of %[1]d of limit security-groups-per-network-interface", len(lb.SecurityGroups)),
	})
	const nodes = "sg-0a1de000000000001"
	rules := []ec2types.IpPermission{{IpProtocol: aws.String("tcp"), FromPort: aws.Int32(7), ToPort: aws.Int32(7)}}
	for i := range 50 {
		rules[0].IpRanges = append(rules[0].IpRanges, ec2types.IpRange{
			CidrIp: aws.String(netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), 32).String())})
	}
	if _, err := c.Simulator.Compute.AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: aws.String(nodes), IpPermissions: rules}); err != nil {
		t.Fatal(err)
	}
	revoke := sync.OnceFunc(func() {
		if _, err := c.Simulator.Compute.RevokeSecurityGroupIngress(context.Background(),
			&ec2.RevokeSecurityGroupIngressInput{GroupId: aws.String(nodes), IpPermissions: rules}); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(revoke)
	found(t, c, trouble{check: "quota-security-groups", severity: "warning", object: "security group " + nodes,
		evidence: "of 60 of limit rules-per-security-group"})
	revoke()
	gone(t, c, trouble{check: "quota-security-groups", object: "security group"})
}

// TestLimitsOfCertificatesAreFound shows that lbc doctor counts thousands of certificates of an
// account against its quotas. The certificates have not been issued, so the controller does not
// read them.
func TestLimitsOfCertificatesAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of internal/lbc/checks show each check")
	}
	c := cluster(t)
	a := c.Simulator.Account
	arns := make([]string, 4000)
	a.Lock()
	for i := range arns {
		arns[i] = fmt.Sprintf("arn:aws:acm:us-west-2:123456789012:certificate/0a1dec00-0000-4000-8000-%012d", i)
		a.AddCertificate(&account.Certificate{
			ARN: arns[i], Domain: "many.example.com", AlternativeNames: []string{"many.example.com"}, Status: "FAILED",
			Type: "IMPORTED", KeyAlgorithm: "RSA_2048", Imported: time.Now(),
		})
	}
	a.Unlock()
	t.Cleanup(func() {
		a.Lock()
		defer a.Unlock()
		for _, arn := range arns {
			delete(a.Certificates, arn)
		}
	})
	found(t, c, trouble{check: "quota-certificates", severity: "warning", object: "account",
		evidence: "of 5000 of limit certificates-per-year are used, unless AWS has raised it"})
	a.Lock()
	for _, arn := range arns[2200:] {
		delete(a.Certificates, arn)
	}
	a.Unlock()
	found(t, c, trouble{check: "quota-certificates", severity: "warning", object: "account",
		evidence: "of 2500 of limit certificates are used"})
}

// TestATargetGroupThatTwoBindingsFillIsFound shows that lbc doctor finds two bindings of one target
// group in a live cluster. The webhook that refuses the second one leaves the namespace out.
func TestATargetGroupThatTwoBindingsFillIsFound(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of internal/lbc/checks show each check")
	}
	c := cluster(t)
	const ns, configuration = "twice", "aws-load-balancer-webhook"
	configurations := c.Client.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	v, err := configurations.Get(t.Context(), configuration, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(v.Webhooks, func(w admissionv1.ValidatingWebhook) bool {
		return w.Name == "vtargetgroupbinding.elbv2.k8s.aws"
	})
	selector := func(s *metav1.LabelSelector) {
		text, err := json.Marshal([]map[string]any{{"op": "add", "path": fmt.Sprintf("/webhooks/%d/namespaceSelector", i),
			"value": s}})
		if err == nil {
			_, err = configurations.Patch(context.Background(), configuration, types.JSONPatchType, text, metav1.PatchOptions{})
		}
		if err != nil {
			t.Error(err)
		}
	}
	selector(&metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
		{Key: "kubernetes.io/metadata.name", Operator: metav1.LabelSelectorOpNotIn, Values: []string{ns}}}})
	t.Cleanup(func() { selector(v.Webhooks[i].NamespaceSelector) })
	group(t, c, c.Simulator.Seed().VPC.ID, "of-users", "")
	groups, err := c.Simulator.Balancing.DescribeTargetGroups(t.Context(), &elb.DescribeTargetGroupsInput{
		Names: []string{"of-users"}})
	if err != nil {
		t.Fatal(err)
	}
	manifests := ""
	for _, name := range []string{"one", "two"} {
		manifests += "apiVersion: elbv2.k8s.aws/v1beta1\nkind: TargetGroupBinding\nmetadata: {name: " + name +
			", namespace: " + ns + "}\n" +
			"spec: {targetGroupARN: \"" + *groups.TargetGroups[0].TargetGroupArn +
			"\", targetType: ip, serviceRef: {name: web, port: 80}}\n---\n"
	}
	path := filepath.Join(t.TempDir(), "bindings.yaml")
	if err := os.WriteFile(path, []byte(manifests), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Apply(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+ns+"}\n")
	wait(t, c, func() error { // until the API server has read the selector
		out, err := c.TryKubectl(t, "apply", "-f", path)
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
	found(t, c, trouble{check: "target-group-bound-twice", severity: "error", object: "of-users",
		evidence: "TargetGroupBinding twice/one, TargetGroupBinding twice/two"})
	c.Kubectl(t, "delete", "targetgroupbinding", "-n", ns, "one", "two")
	gone(t, c, trouble{check: "target-group-bound-twice", object: "of-users"})
}
