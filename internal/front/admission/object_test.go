package admission

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/lib/allowlist"
	"github.com/k8s-lbc/lbc/internal/model/policy/iamroles"
)

func spec[T any](t *testing.T, text string) *T {
	t.Helper()
	if text == "" {
		return nil
	}
	o := new(T)
	if err := yaml.UnmarshalStrict([]byte("metadata: {name: x, namespace: ns}\nspec: "+text), o); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestClassParametersAreRefusedWithEveryError(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, old, new, check, says string }{
		{name: "right", new: `{inboundCIDRs: [10.0.0.0/8, "2001:db8::/32"], subnets: {ids: [subnet-1, subnet-2]}}`},
		{name: "no range", new: `{inboundCIDRs: [everywhere]}`, check: checkInboundCIDRs,
			says: `spec.inboundCIDRs[0]: Invalid value: "everywhere": Could not be parsed as a CIDR`},
		{name: "an address", new: `{inboundCIDRs: [10.0.0.1]}`, check: checkInboundCIDRs,
			says: `Could not be parsed as a CIDR (did you mean "10.0.0.1/32")`},
		{name: "an IPv6 address", new: `{inboundCIDRs: ["2001:db8::"]}`, check: checkInboundCIDRs,
			says: `(did you mean "2001:db8::/64")`},
		{name: "host bits", new: `{inboundCIDRs: [10.0.0.0/8, 10.1.2.3/8]}`, check: checkInboundCIDRs,
			says: `spec.inboundCIDRs[1]: Invalid value: "10.1.2.3/8": Network contains bits outside prefix (did you mean "10.0.0.0/8")`},
		{name: "no subnets", new: `{subnets: {}}`, check: checkSubnetSelectors,
			says: "spec.subnets: Required value: must have either `ids` or `tags`"},
		{name: "ids and tags", new: `{subnets: {ids: [subnet-1], tags: {a: [b]}}}`, check: checkSubnetSelectors,
			says: "spec.subnets.tags: Forbidden: may not have both `ids` and `tags` set"},
		{name: "no tag", new: `{subnets: {tags: {}}}`, check: checkSubnetSelectors,
			says: "spec.subnets.tags: Required value: must have at least one tag key"},
		{name: "an id twice", new: `{subnets: {ids: [subnet-1, subnet-1]}}`, check: checkSubnetSelectors,
			says: `spec.subnets.ids[1]: Duplicate value: "subnet-1"`},
		{name: "a tag's value twice", new: `{subnets: {tags: {a: [b, b]}}}`, check: checkSubnetSelectors,
			says: `spec.subnets.tags[a][1]: Duplicate value: "b"`},
		{name: "two errors", new: `{inboundCIDRs: [x], subnets: {}}`, check: checkInboundCIDRs, says: "must have either"},
		{name: "errors that were there", old: `{inboundCIDRs: [x]}`, new: `{inboundCIDRs: [x]}`},
		{name: "errors beside an edit", old: `{inboundCIDRs: [x]}`, new: `{inboundCIDRs: [x], scheme: internal}`,
			check: checkInboundCIDRs, says: "parsed"},
		{name: "a group that cannot be", new: `{group: {name: A_B}}`, says: "no Ingress can use the class"},
		{name: "a port that is none", new: `{sslRedirectPort: https}`, says: "nothing is redirected"},
		{name: "a selector that is none", new: `{namespaceSelector: {matchExpressions: [{key: a, operator: Near}]}}`,
			says: "spec.namespaceSelector"},
		{name: "a long name", new: `{loadBalancerName: a-name-that-is-longer-than-aws-admits}`, says: "longer than 32"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := ClassParams(spec[v1beta1.IngressClassParams](t, tc.old), spec[v1beta1.IngressClassParams](t, tc.new))
			text := got.Denied + strings.Join(got.Warnings, "\n")
			if got.Check != tc.check || (got.Denied != "") != (tc.check != "") || !strings.Contains(text, tc.says) ||
				tc.says == "" && text != "" {
				t.Errorf("got %+v, want %q: %q", got, tc.check, tc.says)
			}
		})
	}
}

const complete = "targetGroupARN: arn:tg, targetType: ip, targetGroupProtocol: HTTP, ipAddressType: ipv4, vpcID: " +
	"vpc-0123456789abcdef0, serviceRef: {name: web, port: 80}"

func TestContradictoryOrMovedBindingIsRefused(t *testing.T) {
	t.Parallel()
	const ref = "serviceRef: {name: web, port: 80}"
	const arn = "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/tg/0123456789abcdef"
	other := func(arn, multi string) string {
		return "{apiVersion: elbv2.k8s.aws/v1beta1, kind: TargetGroupBinding, metadata: {name: other, namespace: " +
			"elsewhere}, spec: {targetGroupARN: '" + arn + "', multiClusterTargetGroup: " + multi + "}}"
	}
	stacks, elsewheres := strings.Replace(arn, "/tg/", "/k8s-ns-web/", 1), strings.Replace(arn, "/tg/", "/k8s-else-web/", 1)
	const role = "arn:aws:iam::222222222222:role/targets"
	misplaced := func(arn, namespace string) bool { // by the name that the controller gives to target groups of stacks
		_, name, ofStack := strings.Cut(arn, "/k8s-")
		return ofStack && !strings.HasPrefix(name, namespace+"-")
	}
	roles, err := iamroles.Parse([]string{"ns=" + role})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, others, old, new, check, says string }{
		{name: "only an ARN", new: "{targetGroupARN: arn:tg, " + ref + "}"},
		{name: "only a name", new: "{targetGroupName: tg, " + ref + "}"},
		{name: "neither", new: "{" + ref + "}", check: checkRequired,
			says: "TargetGroupBinding must specify these fields: either TargetGroupARN or TargetGroupName"},
		{name: "node selector with ip targets", new: "{targetGroupARN: arn:tg, targetType: ip, nodeSelector: {}, " + ref +
			"}", check: checkNodeSelector, says: "TargetGroupBinding cannot set NodeSelector when TargetType is ip"},
		{name: "node selector with instance targets", new: "{targetGroupARN: arn:tg, targetType: instance, " +
			"nodeSelector: {}, " + ref + "}"},
		{name: "role with instance targets", new: "{targetGroupARN: arn:tg, targetType: instance, iamRoleArnToAssume: r, " +
			ref + "}", check: checkAssumeRole, says: "iamRoleArnToAssume is set, and allows no instance targets"},
		{name: "QUIC to instances", new: "{targetGroupARN: arn:tg, targetType: instance, targetGroupProtocol: QUIC, " + ref +
			"}", check: checkProtocol, says: "QUIC protocol is not supported for Instance target types."},
		{name: "no VPC's id", new: "{targetGroupARN: arn:tg, vpcID: vpc-1, " + ref + "}", check: checkVPC,
			says: `vpcID "vpc-1" is not the ID of a VPC`},
		{name: "another's target group", others: other("arn:tg", "false"), new: "{targetGroupARN: arn:tg, " + ref + "}",
			check: checkExistingGroups, says: "target group arn:tg is already bound by TargetGroupBinding " +
				"elsewhere/other; set spec.multiClusterTargetGroup"},
		{name: "another's target group, shared by one side", others: other("arn:tg", "false"),
			new: "{targetGroupARN: arn:tg, multiClusterTargetGroup: true, " + ref + "}", check: checkExistingGroups,
			says: "already bound"},
		{name: "another's target group, shared by both", others: other("arn:tg", "true"),
			new: "{targetGroupARN: arn:tg, multiClusterTargetGroup: true, " + ref + "}"},
		{name: "another's target group, by name", others: other(arn, "false"), new: "{targetGroupName: tg, " + ref + "}",
			check: checkExistingGroups, says: "target group tg is already bound by TargetGroupBinding " +
				"elsewhere/other"},
		{name: "a target group that another names", others: strings.Replace(strings.Replace(other("", "false"),
			"targetGroupARN", "targetGroupName: tg, targetGroupARN", 1), "elsewhere", "ns", 1),
			new: "{targetGroupARN: '" + arn + "', " + ref + "}", check: checkExistingGroups,
			says: "target group " + arn + " is already bound"},
		{name: "a target group that another namespace names, perhaps before it exists",
			others: strings.Replace(other("", "false"), "targetGroupARN", "targetGroupName: tg, targetGroupARN", 1),
			new:    "{targetGroupARN: '" + arn + "', " + ref + "}"},
		{name: "a stack's target group that another namespace binds", others: other(stacks, "false"),
			new: "{targetGroupARN: '" + stacks + "', " + ref + "}"},
		{name: "another namespace's target group, shared by both", others: strings.Replace(other(elsewheres, "true"),
			"elsewhere", "else", 1), new: "{targetGroupARN: '" + elsewheres + "', multiClusterTargetGroup: true, " + ref + "}",
			check: checkExistingGroups, says: "; choose another target group; the administrator of the controller can allow " +
				"this one with --cross-namespace-target-groups=ns=k8s-else-web"},
		{name: "a name that another names", others: strings.Replace(other("", "false"), "targetGroupARN",
			"targetGroupName: tg, targetGroupARN", 1), new: "{targetGroupName: tg, " + ref + "}", check: checkExistingGroups,
			says: "target group tg is already bound"},
		{name: "the same name in another account", others: other(arn, "false"),
			new: "{targetGroupName: tg, iamRoleArnToAssume: '" + role + "', " + ref + "}"},
		{name: "another's target group, by name and a role of its account", others: other(strings.Replace(arn,
			"123456789012", "222222222222", 1), "false"), new: "{targetGroupName: tg, iamRoleArnToAssume: '" + role + "', " +
			ref + "}", check: checkExistingGroups, says: "already bound"},
		{name: "no role's ARN", new: "{targetGroupARN: arn:tg, iamRoleArnToAssume: r, " + ref + "}", check: checkAssumeRole,
			says: "\"r\" is not the ARN of a role"},
		{name: "no external id", new: "{targetGroupARN: arn:tg, iamRoleArnToAssume: '" + role +
			"', assumeRoleExternalId: x, " + ref + "}", check: checkAssumeRole, says: "an external id has"},
		{name: "an external id without a role", new: "{targetGroupARN: arn:tg, assumeRoleExternalId: x, " + ref + "}"},
		{name: "a role that is not allowed", new: "{targetGroupARN: arn:tg, iamRoleArnToAssume: '" + role + "s', " + ref +
			"}", check: checkAssumeRole,
			says: "TargetGroupBindings of namespace ns are not allowed to assume role " + role + "s"},
		{name: "another role that is not allowed", old: "{iamRoleArnToAssume: '" + role + "', " + complete + "}",
			new: "{iamRoleArnToAssume: '" + role + "s', " + complete + "}", check: checkAssumeRole,
			says: "are not allowed to assume"},
		{name: "an edit beside a role that is not allowed any more", old: "{iamRoleArnToAssume: '" + role + "s', " +
			complete + "}", new: "{networking: {}, iamRoleArnToAssume: '" + role + "s', " + complete + "}"},
		{name: "the VPC of another account", old: "{targetGroupARN: arn:tg, targetType: ip, targetGroupProtocol: HTTP, " +
			"iamRoleArnToAssume: '" + role + "', " + ref + "}", new: "{iamRoleArnToAssume: '" + role + "', " +
			strings.Replace(complete, "vpc-0123456789abcdef0", "vpc-01234567", 1) + "}"},
		{name: "another's target group, by name, before the controller came", others: other(arn, "false"),
			old: "{targetGroupName: x, " + ref + "}", new: "{targetGroupName: tg, " + ref + "}", check: checkExistingGroups,
			says: "already bound"},
		{name: "completion by the controller of one of two that name a group", others: other(arn, "false"),
			old: "{targetGroupName: tg, " + ref + "}", new: "{targetGroupName: tg, " + strings.Replace(complete, "arn:tg",
				"'"+arn+"'", 1) + "}"},
		{name: "a group whose ARN differs from another's in the suffix", others: other(arn, "false"),
			new: "{targetGroupARN: '" + strings.Replace(arn, "cdef", "cdee", 1) + "', " + ref + "}"},
		{name: "the name of a group of another that does not exist any more", others: strings.Replace(other(arn, "false"),
			"spec:", "status: {conditions: [{type: Ready, status: 'False', reason: TargetGroupNotFound}]}, spec:", 1),
			new: "{targetGroupName: tg, " + ref + "}"},
		{name: "another target group", others: other("arn:x", "false"), new: "{targetGroupARN: arn:tg, " + ref + "}"},
		{name: "end of sharing", others: other("arn:tg", "true"), old: "{multiClusterTargetGroup: true, " + complete + "}",
			new: "{" + complete + "}", check: checkExistingGroups, says: "already bound"},
		{name: "edit beside a pair that is wrong already", others: other("arn:tg", "false"), old: "{" + complete + "}",
			new: "{networking: {}, " + complete + "}"},

		{name: "completion by the controller", old: "{targetGroupName: tg, " + ref + "}", new: "{targetGroupName: tg, " +
			complete + "}"},
		{name: "correction before that", old: "{targetGroupARN: arn:wrong, targetType: instance, " + ref + "}", new: "{" +
			complete + "}"},
		{name: "other targets of the same group", old: "{" + complete + "}", new: "{" + strings.Replace(complete, "80",
			"81", 1) + "}"},
		{name: "another group later", old: "{" + complete + "}", new: "{" + strings.Replace(complete, "arn:tg", "arn:x", 1) +
			"}", check: checkImmutable, says: "TargetGroupBinding update may not change these immutable fields: " +
			"spec.targetGroupARN"},
		{name: "all of it later", old: "{" + complete + "}",
			new:   "{targetGroupARN: arn:x, targetType: instance, ipAddressType: ipv6, vpcID: vpc-01234567, " + ref + "}",
			check: checkImmutable, says: "spec.targetGroupARN,spec.targetType,spec.ipAddressType,spec.vpcID"},
		{name: "what old bindings lack", old: "{targetGroupARN: arn:tg, targetType: ip, targetGroupProtocol: HTTP, " + ref +
			"}", new: "{" + complete + "}"},
		{name: "another VPC than the cluster's for an old binding",
			old: "{targetGroupARN: arn:tg, targetType: ip, targetGroupProtocol: HTTP, " + ref + "}", new: "{" +
				strings.Replace(complete, "vpc-0123456789abcdef0", "vpc-01234567", 1) + "}", check: checkImmutable,
			says: "spec.vpcID"},
		{name: "IPv6 for an old binding", old: "{targetGroupARN: arn:tg, targetType: ip, targetGroupProtocol: HTTP, " + ref +
			"}", new: "{" + strings.Replace(complete, "ipv4", "ipv6", 1) + "}", check: checkImmutable,
			says: "spec.ipAddressType"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			old, b := spec[v1beta1.TargetGroupBinding](t, tc.old), spec[v1beta1.TargetGroupBinding](t, tc.new)
			got := Binding(view(t, tc.others), BindingConfig{VPC: "vpc-0123456789abcdef0", Roles: roles,
				Bindable: allowlist.List{{Pattern: allowlist.Any}}, Misplaced: misplaced}, old, b)
			if got.Check != tc.check || (got.Denied != "") != (tc.check != "") || !strings.Contains(got.Denied, tc.says) {
				t.Errorf("got %+v, want %q: %q", got, tc.check, tc.says)
			}
			if of := got.Finding; tc.check != "" && tc.check != checkImmutable &&
				(of == nil || !strings.HasPrefix(of.Path, "spec.") || of.Remedy == "" || !strings.HasPrefix(got.Denied, of.Text)) {
				t.Errorf("the finding is %+v", of)
			}
			if old == nil {
				return
			}
			b.DeletionTimestamp = &metav1.Time{}
			if got := Binding(view(t, tc.others), BindingConfig{VPC: "vpc-x"}, old, b); got.Denied != "" {
				t.Errorf("while it is deleted: %+v", got)
			}
		})
	}
}

func TestABindingKeepsWhatAnUpdateLosesOnceItIsComplete(t *testing.T) {
	t.Parallel()
	old := spec[v1beta1.TargetGroupBinding](t, "{"+complete+"}")
	for _, tc := range []struct {
		name, old, new string
		patch          []string // paths
		warnings       int
		check          string
	}{
		{name: "creation", new: "{targetGroupARN: arn:tg}"},
		{name: "creation without target group", new: "{}", check: checkARNOrName},
		{name: "nothing lost", old: "{" + complete + "}", new: "{" + complete + "}"},
		{name: "an older version of the API", old: "{" + complete + "}", new: "{targetGroupARN: arn:tg, targetType: ip}",
			patch: []string{"/spec/targetGroupProtocol", "/spec/ipAddressType", "/spec/vpcID"}, warnings: 3},
		{name: "a manifest that names the group", old: "{targetGroupName: tg, " + complete + "}",
			new: "{targetGroupName: tg, targetType: ip, targetGroupProtocol: HTTP, ipAddressType: ipv4, vpcID: " +
				"vpc-0123456789abcdef0}",
			patch: []string{"/spec/targetGroupARN"}},
		{name: "another name", old: "{targetGroupName: tg, " + complete + "}",
			new: "{targetGroupName: x, targetType: ip, targetGroupProtocol: HTTP, ipAddressType: ipv4, vpcID: " +
				"vpc-0123456789abcdef0}"},
		{name: "a correction before the controller came", old: "{targetGroupARN: arn:tg, targetType: ip}",
			new: "{targetGroupARN: arn:tg}"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := CompleteBinding(spec[v1beta1.TargetGroupBinding](t, tc.old), spec[v1beta1.TargetGroupBinding](t, tc.new))
			var paths []string
			for _, o := range got.Patch {
				paths = append(paths, o.Path)
			}
			if diff := cmp.Diff(tc.patch, paths); diff != "" || len(got.Warnings) != tc.warnings || got.Check != tc.check {
				t.Errorf("got %+v %s", got, diff)
			}
		})
	}
	gone := old.DeepCopy()
	gone.DeletionTimestamp, gone.Spec.VpcID = &metav1.Time{}, ""
	if got := CompleteBinding(old, gone); len(got.Patch) > 0 {
		t.Errorf("while it is deleted: %+v", got)
	}
}

func TestALoadBalancerClassIsGivenOnceAndKept(t *testing.T) {
	t.Parallel()
	const ours = "service.k8s.aws/nlb"
	svc := func(kind corev1.ServiceType, class *string) *corev1.Service {
		return &corev1.Service{Spec: corev1.ServiceSpec{Type: kind, LoadBalancerClass: class}}
	}
	for _, tc := range []struct {
		name     string
		old, new *corev1.Service
		want     string
	}{
		{"a new load balancer", nil, svc("LoadBalancer", nil), ours},
		{"a new load balancer with an empty class", nil, svc("LoadBalancer", ptr.To("")), ours},
		{"a new load balancer of others", nil, svc("LoadBalancer", ptr.To("x/y")), ""},
		{"another Service", nil, svc("ClusterIP", nil), ""},
		{"an update that loses the class", svc("LoadBalancer", ptr.To("x/y")), svc("LoadBalancer", nil), "x/y"},
		{"an update of the cloud provider's", svc("LoadBalancer", nil), svc("LoadBalancer", nil), ""},
		{"a Service that becomes a load balancer", svc("ClusterIP", nil), svc("LoadBalancer", nil), ""},
		{"a load balancer that becomes another Service", svc("LoadBalancer", ptr.To(ours)), svc("NodePort", nil), ""},
	} {
		var want []Operation
		if tc.want != "" {
			want = []Operation{set("/spec/loadBalancerClass", tc.want)}
		}
		if diff := cmp.Diff(want, Service(ours, tc.old, tc.new).Patch); diff != "" {
			t.Errorf("%s: %s", tc.name, diff)
		}
	}
}
