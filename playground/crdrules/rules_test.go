// Package crdrules holds the rules of our custom resources (CEL, in config/crd) to what the webhooks answer, with the
// API server's own evaluator and without a cluster: they are what is left of the webhooks while these are out. It has
// tests only.
package crdrules

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/playground/repository"
)

// rules are the structural schema of a version, and the messages of its rules.
type rules struct {
	structural *schema.Structural
	messages   map[string]bool // tested
}

func load(t *testing.T) map[string]*rules {
	t.Helper()
	root, err := repository.FindFromProcess()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root.CRDs(), "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no CRDs: %v", err)
	}
	out := map[string]*rules{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.Unmarshal(text, &crd); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, v := range crd.Spec.Versions {
			var props apiextensions.JSONSchemaProps
			if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(v.Schema.OpenAPIV3Schema,
				&props, nil); err != nil {
				t.Fatal(err)
			}
			s, err := schema.NewStructural(&props)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			r := &rules{structural: s, messages: map[string]bool{}}
			collect(s, r.messages)
			out[crd.Spec.Names.Kind+" "+v.Name] = r
		}
	}
	return out
}

// collect finds every rule of a schema by its message.
func collect(s *schema.Structural, into map[string]bool) {
	for _, r := range s.XValidations {
		into[r.Message] = false
	}
	for _, p := range s.Properties {
		collect(&p, into)
	}
	if s.Items != nil {
		collect(s.Items, into)
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Structural != nil {
		collect(s.AdditionalProperties.Structural, into)
	}
}

func spec(t *testing.T, text string) any {
	t.Helper()
	if text == "" {
		return nil
	}
	asJSON, err := yaml.YAMLToJSON([]byte("spec: " + text))
	if err != nil {
		t.Fatal(err)
	}
	var o map[string]any
	if err := json.Unmarshal(asJSON, &o); err != nil { // whole numbers as int64, as the rules expect them
		t.Fatal(err)
	}
	return o
}

// row is a spec, as it was and as it is to be, and what refuses it; empty = nothing.
type row struct{ name, kind, old, new, says string }

// gatewayRows are the rows of the kinds of group gateway.k8s.aws in a version.
func gatewayRows(version string) []row {
	mutual := func(text string) string {
		return "{listenerConfigurations: [{protocolPort: 'HTTPS:443', mutualAuthentication: {" + text + "}}]}"
	}
	var out []row
	add := func(kind, name, spec, says string) {
		out = append(out, row{name, kind + " " + version, "", spec, says})
	}
	for _, c := range []struct{ text, says string }{
		{"mode: verify, trustStore: t, ignoreClientCertificateExpiry: true, advertiseTrustStoreCaNames: 'on'", ""},
		{"mode: passthrough", ""},
		{"mode: 'off'", ""},
		{"mode: verify", "trustStore is required when mode is verify"},
		{"mode: passthrough, trustStore: t", "trustStore is allowed only when mode is verify"},
		{"mode: 'off', ignoreClientCertificateExpiry: true",
			"ignoreClientCertificateExpiry is allowed only when mode is verify"},
		{"mode: passthrough, advertiseTrustStoreCaNames: 'on'",
			"advertiseTrustStoreCaNames is allowed only when mode is verify"},
	} {
		add("LoadBalancerConfiguration", c.text, mutual(c.text), c.says)
	}
	const forward, fixed = "{type: forward, forwardConfig: {}}",
		"{type: fixed-response, fixedResponseConfig: {statusCode: 404}}"
	const jwt, cognito = "{type: jwt-validation, jwtValidationConfig: {}}",
		"{type: authenticate-cognito, authenticateCognitoConfig: {}}"
	for _, c := range []struct{ actions, says string }{
		{forward, ""},
		{cognito + ", " + forward, ""},
		{jwt + ", " + cognito, "actions may have at most one of authenticate-oidc, authenticate-cognito and jwt-validation"},
		{forward + ", " + fixed, "actions may have at most one of fixed-response, forward and redirect"},
		{"{type: fixed-response, fixedResponseConfig: {statusCode: 200}}", ""},
		{"{type: fixed-response, fixedResponseConfig: {statusCode: 302}}",
			"statusCode must be from 200 to 299 or from 400 to 599"},
		{"{type: fixed-response, fixedResponseConfig: {statusCode: 600}}",
			"statusCode must be from 200 to 299 or from 400 to 599"},
		{"{type: forward}", "forwardConfig must be set when type is forward, and only then"},
		{"{type: redirect, redirectConfig: {}, forwardConfig: {}}",
			"forwardConfig must be set when type is forward, and only then"},
		{"{type: redirect}", "redirectConfig must be set when type is redirect, and only then"},
		{"{type: fixed-response}", "fixedResponseConfig must be set when type is fixed-response, and only then"},
		{"{type: authenticate-cognito}", "authenticateCognitoConfig must be set when type is authenticate-cognito, " +
			"and only then"},
		{"{type: authenticate-oidc}", "authenticateOIDCConfig must be set when type is authenticate-oidc, and only then"},
		{"{type: jwt-validation}", "jwtValidationConfig must be set when type is jwt-validation, and only then"},
	} {
		add("ListenerRuleConfiguration", c.actions, "{actions: ["+c.actions+"]}", c.says)
	}
	add("ListenerRuleConfiguration", "a source", "{conditions: [{field: source-ip, sourceIPConfig: {values: "+
		"[192.0.2.0/24]}}]}", "")
	add("ListenerRuleConfiguration", "no source", "{conditions: [{field: source-ip}]}",
		"sourceIPConfig must be set when field is source-ip, and only then")
	return out
}

const (
	params   = "IngressClassParams v1beta1"
	binding  = "TargetGroupBinding v1beta1"
	complete = "targetGroupARN: arn:tg, targetType: ip, targetGroupProtocol: HTTP, ipAddressType: ipv4, vpcID: " +
		"vpc-0123456789abcdef0, serviceRef: {name: web, port: 80}"
)

func TestTheRulesOfTheCRDsRefuseWhatTheWebhooksDo(t *testing.T) {
	t.Parallel()
	all := load(t)
	changed := func(from, to string) string { return "{" + strings.Replace(complete, from, to, 1) + "}" }
	rows := []row{
		{"subnets by id", params, "", "{subnets: {ids: [subnet-1]}}", ""},
		{"subnets by tag", params, "", "{subnets: {tags: {a: [b]}}}", ""},
		{"no subnets", params, "", "{subnets: {}}", "must have either `ids` or `tags`"},
		{"ids and tags", params, "", "{subnets: {ids: [subnet-1], tags: {a: [b]}}}",
			"may not have both `ids` and `tags` set"},
		{"no tag", params, "", "{subnets: {tags: {}}}", "must have at least one tag key"},
		{"prefix lists", params, "", "{prefixListsIDs: [pl-1]}", ""},
		{"prefix lists in both spellings", params, "", "{prefixListsIDs: [pl-1], PrefixListsIDs: [pl-1]}",
			"cannot specify both 'prefixListsIDs' and 'PrefixListsIDs' fields"},
		{"a group of several load balancers", params, "", "{group: {name: " + strings.Repeat("a", 60) + ", shards: 2}}", ""},
		{"a group with a long name", params, "", "{group: {name: " + strings.Repeat("a", 61) + "}}", ""},
		{"a group with a long name of one load balancer", params, "", "{group: {name: " + strings.Repeat("a", 61) +
			", shards: 1}}", ""},
		{"a group with a long name of several load balancers", params, "", "{group: {name: " + strings.Repeat("a", 61) +
			", shards: 2}}", "the name of a group with shards has 60 characters at most"},

		{"a binding", binding, "", "{" + complete + "}", ""},
		{"node selector with ip targets", binding, "", "{nodeSelector: {}, " + complete + "}",
			"TargetGroupBinding cannot set NodeSelector when TargetType is ip"},
		{"node selector with instance targets", binding, "",
			"{nodeSelector: {}, targetGroupARN: arn:tg, targetType: instance}", ""},
		{"node selector before the type is known", binding, "", "{nodeSelector: {}, targetGroupARN: arn:tg}", ""},
		{"other targets", binding, "{" + complete + "}", changed("80", "81"), ""},
		{"completion", binding, "{targetGroupName: tg}", "{targetGroupName: tg, " + complete + "}", ""},
		{"correction before that", binding, "{targetGroupARN: arn:wrong, targetType: instance}", "{" + complete + "}", ""},
		{"another group", binding, "{" + complete + "}", changed("arn:tg", "arn:x"), "immutable fields: spec.targetGroupARN"},
		{"no group", binding, "{" + complete + "}", changed("targetGroupARN: arn:tg, ", ""),
			"immutable fields: spec.targetGroupARN"},
		{"another type", binding, "{" + complete + "}", changed("targetType: ip", "targetType: instance"),
			"immutable fields: spec.targetType"},
		{"another address family", binding, "{" + complete + "}", changed("ipv4", "ipv6"),
			"immutable fields: spec.ipAddressType"},
		{"another VPC", binding, "{" + complete + "}", changed("vpc-0123456789abcdef0", "vpc-01234567"),
			"immutable fields: spec.vpcID"},
		{"a peer of each kind", binding, "", "{networking: {ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}, " +
			"{securityGroup: {groupID: sg-1}}], ports: []}]}, " + complete + "}", ""},
		{"a peer of both kinds", binding, "", "{networking: {ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}, " +
			"securityGroup: {groupID: sg-1}}], ports: []}]}, " + complete + "}",
			"a peer is either an ipBlock or a securityGroup"},
		{"a peer of no kind", binding, "", "{networking: {ingress: [{from: [{}], ports: []}]}, " + complete + "}",
			"a peer is either an ipBlock or a securityGroup"},
		{"what old bindings lack", binding, "{targetGroupARN: arn:tg, targetType: ip, targetGroupProtocol: HTTP}",
			"{" + complete + "}", ""},
	}
	rows = append(rows, gatewayRows("v1")...)
	rows = append(rows, gatewayRows("v1beta1")...)
	rows = append(rows, acceleratorRows()...)
	for _, tc := range rows {
		r := all[tc.kind]
		if r == nil {
			t.Fatalf("there is no %s", tc.kind)
		}
		validator := cel.NewValidator(r.structural, true, celconfig.PerCallLimit)
		if validator == nil {
			t.Fatalf("%s has no rules", tc.kind)
		}
		found, _ := validator.Validate(t.Context(), field.NewPath(""), r.structural, spec(t, tc.new), spec(t, tc.old),
			celconfig.RuntimeCELCostBudget)
		text := ""
		if len(found) > 0 {
			text = found.ToAggregate().Error()
		}
		if tc.says == "" && text != "" || !strings.Contains(text, tc.says) {
			t.Errorf("%s: refused with %q, want %q", tc.name, text, tc.says)
		}
		for m := range r.messages {
			if strings.Contains(text, m) && strings.Contains(m, tc.says) && tc.says != "" {
				r.messages[m] = true
			}
		}
	}
	for kind, r := range all {
		for m, tested := range r.messages {
			if !tested && !strings.HasSuffix(kind, "v1alpha1") {
				t.Errorf("no row refuses by the rule of %s: %s", kind, m)
			}
		}
	}
}
