package stacks

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// TestARefusalLandsOnWhoseSettingItIsAbout has AWS refuse parts of a load balancer that several members and their class
// describe.
func TestARefusalLandsOnWhoseSettingItIsAbout(t *testing.T) {
	t.Parallel()
	member := func(name string) *networkingv1.Ingress {
		return &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
	}
	api, web := member("api"), member("web")
	by := func(o diag.Object, path string) intent.Source { return intent.At(o, path) }
	class := diag.Object{Kind: "IngressClassParams", Name: "prod"}
	lb := stack.Ref{Kind: stack.KindLoadBalancer, ID: stack.LoadBalancerIdentity}
	origins := map[stack.Ref]compile.Origin{lb: {
		Objects: []diag.Object{owner.Object(api), owner.Object(web)},
		Fields: map[string]intent.Source{
			"Subnets": by(owner.Object(api), "subnets"), "Name": by(owner.Object(web), "load-balancer-name"),
			"SecurityGroups": by(class, "spec.securityGroups"),
			"IPAddressType":  by(owner.Object(web), "ip-address-type"), "Tags[team]": by(owner.Object(api), "tags"),
			"Tags[stage]":                              by(owner.Object(web), "tags"),
			"Attributes":                               by(owner.Object(api), "attributes"),
			"Attributes[access_logs.s3.bucket]":        by(owner.Object(web), "attributes"),
			"Attributes[client_keep_alive.seconds]":    by(owner.Object(api), "attributes"),
			"Attributes[idle_timeout.timeout_seconds]": by(class, "spec.loadBalancerAttributes"),
		},
	}}
	create := awsop.CreateLoadBalancer{LoadBalancer: stack.LoadBalancer{ID: stack.LoadBalancerIdentity}}
	attributes := func(keys ...string) plan.Operation {
		set := map[string]string{}
		for _, k := range keys {
			set[k] = "x"
		}
		return awsop.ModifyLoadBalancerAttributes{LoadBalancer: lb, Attributes: set}
	}
	for _, tc := range []struct {
		name string
		op   plan.Operation
		code diag.Code
		text string
		want []string
	}{
		{"a name that is taken", create, diag.NameTaken, "A load balancer with the same name exists",
			[]string{"Ingress shop/web load-balancer-name"}},
		{"a subnet", create, diag.AWSRejected, "InvalidConfigurationRequest: The subnet is too small",
			[]string{"Ingress shop/api subnets"}},
		{"a group that the class names", create, diag.SecurityGroupNotFound, "One or more security groups are invalid",
			[]string{
				"IngressClassParams prod spec.securityGroups", "Ingress shop/api spec.securityGroups of IngressClassParams prod",
				"Ingress shop/web spec.securityGroups of IngressClassParams prod",
			}},
		{"a right, which is nobody's setting", create, diag.AccessDenied, "not authorized to perform this",
			[]string{"Ingress shop/api ", "Ingress shop/web "}},
		{"one attribute of two, which AWS names", attributes("access_logs.s3.bucket", "client_keep_alive.seconds"),
			diag.AWSRejected, "'client_keep_alive.seconds' is out of range", []string{"Ingress shop/api attributes"}},
		{"one attribute of two, which AWS does not name", attributes("access_logs.s3.bucket", "client_keep_alive.seconds"),
			diag.AWSRejected, "Access Denied for bucket", []string{"Ingress shop/web attributes",
				"Ingress shop/api attributes"}},
		{"an address family", awsop.SetIpAddressType{LoadBalancer: lb}, diag.AWSRejected, "InvalidSubnet: no IPv6 range",
			[]string{"Ingress shop/web ip-address-type"}},
		{"a tag of a security group", awsop.CreateTags{Tags: map[string]string{"team": "x", "stage": "y"}}, diag.AWSRejected,
			"tag team is not admitted", []string{"Ingress shop/api tags"}},
		{"the only attribute that changes", attributes("access_logs.s3.bucket"), diag.AWSRejected, "Access Denied for bucket",
			[]string{"Ingress shop/web attributes"}},
	} {
		found := (&Reconciler{}).attribute(diag.New(diag.Object{}, "", tc.code, tc.text, "x"), origins,
			plan.Step{Resource: lb, Op: tc.op}, front.Input{Members: []metav1.Object{api, web}})
		var got []string
		for _, d := range found {
			got = append(got, d.Object.String()+" "+d.Path)
			if d.Reason() != diag.FailedDeployModel {
				t.Errorf("%s: event reason %s", tc.name, d.Reason())
			}
		}
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("%s: %s", tc.name, d)
		}
	}
}

// TestARefusedSettingOfAConfigurationIsReportedOnTheGatewayToo: its routes are others' objects and have no part in it.
func TestARefusedSettingOfAConfigurationIsReportedOnTheGatewayToo(t *testing.T) {
	t.Parallel()
	gateway := &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	route := diag.Object{Kind: "HTTPRoute", Namespace: "shop", Name: "pages"}
	configuration := diag.Object{Kind: "LoadBalancerConfiguration", Namespace: "shop", Name: "public"}
	listener := stack.Ref{Kind: stack.KindListener, ID: "443"}
	origins := map[stack.Ref]compile.Origin{listener: {
		Objects: []diag.Object{owner.Object(gateway), route},
		Fields:  map[string]intent.Source{"Certificates": intent.At(configuration, "spec.x")},
	}}
	refused := diag.New(diag.Object{}, "", diag.CertificateNotFound, "certificate c not found", "name another")
	found := (&Reconciler{}).attribute(refused, origins, plan.Step{Resource: listener, Op: awsop.CreateListener{}},
		front.Input{Members: []metav1.Object{gateway}})
	var got []string
	for _, d := range found {
		got = append(got, d.Object.String()+" "+d.Path)
		if d.Port != 443 {
			t.Errorf("on %s: port %d", d.Object, d.Port)
		}
	}
	want := []string{"LoadBalancerConfiguration shop/public spec.x",
		"Gateway shop/web spec.x of LoadBalancerConfiguration shop/public"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestTakenTargetGroupNameIsReportedWhereDeclared: the Gateway's configuration has no part in it.
func TestTakenTargetGroupNameIsReportedWhereDeclared(t *testing.T) {
	t.Parallel()
	gateway := &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	route := diag.Object{Kind: "HTTPRoute", Namespace: "shop", Name: "pages"}
	configuration := diag.Object{Kind: "TargetGroupConfiguration", Namespace: "shop", Name: "web"}
	group := stack.Ref{Kind: stack.KindTargetGroup, ID: "shop/web:shop-pages:HTTPRoute-shop-web:8080"}
	origins := map[stack.Ref]compile.Origin{group: {
		Objects: []diag.Object{route},
		Fields: map[string]intent.Source{
			"Backend": intent.At(route, "spec.rules[0].backendRefs[0]"), "Name": intent.At(configuration,
				"spec.defaultConfiguration.targetGroupName"),
		},
	}}
	taken := diag.New(diag.Object{}, "", diag.NameTaken, "A target group with the same name exists", "choose another name")
	found := (&Reconciler{}).attribute(taken, origins, plan.Step{Resource: group, Op: awsop.CreateTargetGroup{}},
		front.Input{Members: []metav1.Object{gateway}})
	var got []string
	for _, d := range found {
		got = append(got, d.Object.String()+" "+d.Path)
	}
	want := []string{
		"TargetGroupConfiguration shop/web spec.defaultConfiguration.targetGroupName",
		"HTTPRoute shop/pages spec.defaultConfiguration.targetGroupName of TargetGroupConfiguration shop/web",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestOfEachWriteItIsDecidedWhichSettingAWSRefuses holds the operations to a list of those that are about no setting:
// one that is in neither loses the annotation that events name.
func TestOfEachWriteItIsDecidedWhichSettingAWSRefuses(t *testing.T) {
	t.Parallel()
	none := map[string]string{
		"AuthorizeSecurityGroupIngress": "its rules come from several settings",
		"RevokeSecurityGroupIngress":    "nothing is wanted",
		"CreateSecurityGroup":           "no setting makes it",
		"CreateTargetGroup":             "its settings are traced to whole backends",
		"ModifyTargetGroup":             "as CreateTargetGroup",
		"SetRulePriorities":             "the order is that of the members", "RegisterTargets": "an endpoint is no setting",
		"RemoveTags":                 "nothing is wanted",
		"RemoveListenerCertificates": "nothing is wanted", "AddTagsToCertificate": "the tags are the controller's",
		"CreateLoadBalancer": "AWS's text tells which",
	}
	for _, op := range awsop.Operations() {
		name, setting := plan.NameOf(op), op.About().Setting
		addOn := op.About().AddOn
		switch {
		case strings.HasSuffix(name, "Binding"):
		case addOn != "":
			if setting != string(addOn) {
				t.Errorf("%T is about %s, of add-on %s", op, setting, addOn)
			}
		case awsclient.IsRead(name), strings.HasPrefix(name, "De"):
			if setting != "" {
				t.Errorf("%T is about %s, which it does not set", op, setting)
			}
		case (setting == "") == (none[name] == ""):
			t.Errorf("%T is about setting %q, said to be about none because %q", op, setting, none[name])
		}
	}
}
