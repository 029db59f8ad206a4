package accounts

import (
	"strings"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
)

// lifeOfTheRest needs what LifeOfMany does not: subnets without roles in tags, pods with interfaces of their own,
// logins, certificates of IAM, security groups of another account, addresses of customers, more rules than AWS allows
// by default, and Gateways with addresses and authorities.
var lifeOfTheRest = []lab.Stage{
	{Name: "created", Does: func(l *lab.Lab) {
		l.Create(lab.Ingress("login", map[string]string{"certificate-arn": lab.CrashCertificate + "," + lab.ServerCertificate,
			"listen-ports": `[{"HTTPS":443}]`, "auth-type": "cognito", "tags": "stage=test",
			"security-group-prefix-lists": "pl-0a1de0000000000a1",
			"auth-idp-cognito":            `{"userPoolARN":"arn:aws:cognito-idp:us-west-2:123456789012:userpool/us-west-2_demo","userPoolClientID":"client","userPoolDomain":"demo"}`}, "s0"))
		l.Create(lab.Ingress("outpost", map[string]string{"customer-owned-ipv4-pool": "ipv4pool-coip-0a1de000000000001",
			"subnets": lab.OutpostSubnet}, "s1"))
		l.Create(lab.Ingress("borrowed", map[string]string{"security-groups": groupNamed(l, lab.SharedGroup),
			"manage-backend-security-group-rules": "true"}, "s1"))
		l.Create(lab.Paths("wide", 101, "s1")) // one rule more than AWS's default
		l.Apply(lab.RestGateways)
	}},
	{Name: "edited", Does: func(l *lab.Lab) {
		l.Restart()
		untagListeners(l, "login")
		l.Annotate("login", "tags", "team=shop")
		ca := &corev1.ConfigMap{}
		l.Get(ca, "ca")
		ca.Data["ca.crt"] = lab.AuthorityPEM(l.T, "second")
		l.Must(l.Client.Update(l.Context(), ca))
		l.Annotate("outpost", "tags", "team=shop")
	}},
	{Name: "deleted", Does: func(l *lab.Lab) {
		for _, name := range []string{"login", "outpost", "borrowed", "wide"} {
			l.Remove(name)
		}
		l.Discard("Gateway shop/web {}\nHTTPRoute shop/web {}\nGateway shop/edge {}\nTCPRoute shop/edge {}")
	}},
}

// groupNamed is the id of a security group.
func groupNamed(l *lab.Lab, name string) string {
	l.Helper()
	for _, g := range l.Sim.Resources().SecurityGroups {
		if g.Name == name {
			return g.ID
		}
	}
	l.Fatalf("no security group %s", name)
	return ""
}

// untagListeners takes the tag of the cluster away from the listeners of an Ingress, as a user may.
func untagListeners(l *lab.Lab, name string) {
	l.Helper()
	for _, lb := range l.Sim.Resources().LoadBalancers {
		if !strings.HasPrefix(lb.Name, "k8s-shop-"+name+"-") {
			continue
		}
		for _, li := range lb.Listeners {
			_, err := l.Sim.Balancing.RemoveTags(l.Context(), &elbv2.RemoveTagsInput{ResourceArns: []string{li.ARN},
				TagKeys: []string{naming.ClusterTag}})
			l.Must(err)
		}
	}
}
