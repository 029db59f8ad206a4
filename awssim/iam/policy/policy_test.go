package policy

import (
	"fmt"
	"strings"
	"testing"
)

func context(pairs ...string) Context {
	c := Context{}
	for i := 0; i < len(pairs); i += 2 {
		c.Set(pairs[i], append(c[strings.ToLower(pairs[i])], pairs[i+1])...)
	}
	return c
}

func TestConditionsHoldByTheirOperators(t *testing.T) {
	t.Parallel()
	team := context("aws:RequestTag/Team", "web", "aws:username", "ann*")
	keys := context("aws:TagKeys", "a", "aws:TagKeys", "b")
	none := context()
	tests := []struct {
		name, condition string
		context         Context
		want            bool
	}{
		{"equals", `{"StringEquals":{"aws:RequestTag/Team":"web"}}`, team, true},
		{"key without regard to case", `{"StringEquals":{"AWS:requesttag/team":"web"}}`, team, true},
		{"value with regard to case", `{"StringEquals":{"aws:RequestTag/Team":"Web"}}`, team, false},
		{"one of several values", `{"StringEquals":{"aws:RequestTag/Team":["api","web"]}}`, team, true},
		{"equals has no wildcards", `{"StringEquals":{"aws:RequestTag/Team":"w*"}}`, team, false},
		{"equals without the key", `{"StringEquals":{"aws:RequestTag/Team":"web"}}`, none, false},
		{"if exists without the key", `{"StringEqualsIfExists":{"aws:RequestTag/Team":"web"}}`, none, true},
		{"if exists with another value", `{"StringEqualsIfExists":{"aws:RequestTag/Team":"api"}}`, team, false},
		{"not equals", `{"StringNotEquals":{"aws:RequestTag/Team":["api","db"]}}`, team, true},
		{"not equals to one of them", `{"StringNotEquals":{"aws:RequestTag/Team":["api","web"]}}`, team, false},
		{"not equals without the key", `{"StringNotEquals":{"aws:RequestTag/Team":"web"}}`, none, true},
		{"ignoring case", `{"StringEqualsIgnoreCase":{"aws:RequestTag/Team":"WEB"}}`, team, true},
		{"not ignoring case", `{"StringNotEqualsIgnoreCase":{"aws:RequestTag/Team":"WEB"}}`, team, false},
		{"like", `{"StringLike":{"aws:RequestTag/Team":"w?*b"}}`, team, true},
		{"like backtracks", `{"StringLike":{"k":"*ab*c"}}`, context("k", "abxabyc"), true},
		{"like needs all", `{"StringLike":{"k":"a?"}}`, context("k", "a"), false},
		{"not like", `{"StringNotLike":{"aws:RequestTag/Team":"w*"}}`, team, false},
		{"two operators", `{"StringEquals":{"aws:RequestTag/Team":"web"},"Null":{"x":"true"}}`, team, true},
		{"two keys, one wrong", `{"StringEquals":{"aws:RequestTag/Team":"web","aws:username":"bob"}}`, team, false},
		{"absent", `{"Null":{"k":"true"}}`, none, true},
		{"absent, as a boolean", `{"Null":{"k":true}}`, none, true},
		{"absent but there", `{"Null":{"k":"true"}}`, context("k", ""), false},
		{"present", `{"Null":{"k":"false"}}`, context("k", ""), true},
		{"not present", `{"Null":{"k":"false"}}`, none, false},
		{"bool", `{"Bool":{"aws:SecureTransport":"true"}}`, context("aws:SecureTransport", "True"), true},
		{"arn like", `{"ArnLike":{"k":"arn:aws:ec2:*:1:vpc/*"}}`, context("k", "arn:aws:ec2:us-west-2:1:vpc/vpc-1"), true},
		{"arn like does not cross colons", `{"ArnLike":{"k":"arn:aws:ec2:*:vpc/*"}}`,
			context("k", "arn:aws:ec2:us-west-2:1:vpc/vpc-1"), false},
		{"arn equals", `{"ArnEquals":{"k":"arn:aws:ec2:r:1:vpc/vpc-1"}}`, context("k", "arn:aws:ec2:r:1:vpc/vpc-1"), true},
		{"arn not equals", `{"ArnNotEquals":{"k":"arn:aws:ec2:r:1:vpc/vpc-1"}}`, context("k", "arn:aws:ec2:r:1:vpc/vpc-1"),
			false},
		{"number", `{"NumericLessThanEquals":{"k":10}}`, context("k", "10"), true},
		{"greater number", `{"NumericLessThan":{"k":"10"}}`, context("k", "10"), false},
		{"no number", `{"NumericGreaterThan":{"k":"10"}}`, context("k", "many"), false},
		{"number equals", `{"NumericEquals":{"k":"10.0"}}`, context("k", "10"), true},
		{"number equals another", `{"NumericEquals":{"k":"10"}}`, context("k", "11"), false},
		{"number does not equal", `{"NumericNotEquals":{"k":"10"}}`, context("k", "9"), true},
		{"number does not equal itself", `{"NumericNotEquals":{"k":"10"}}`, context("k", "10"), false},
		{"number too small", `{"NumericGreaterThan":{"k":"10"}}`, context("k", "10"), false},
		{"number that is greater", `{"NumericGreaterThan":{"k":"10"}}`, context("k", "10.5"), true},
		{"number at least", `{"NumericGreaterThanEquals":{"k":"10"}}`, context("k", "10"), true},
		{"number less than at least", `{"NumericGreaterThanEquals":{"k":"10"}}`, context("k", "9"), false},
		{"number more than at most", `{"NumericLessThanEquals":{"k":"10"}}`, context("k", "11"), false},
		{"number below", `{"NumericLessThan":{"k":"10"}}`, context("k", "9"), true},
		{"no number is not less", `{"NumericLessThan":{"k":"10"}}`, context("k", "many"), false},
		{"no number is not as much", `{"NumericEquals":{"k":"0"}}`, context("k", "none"), false},
		{"date equals", `{"DateEquals":{"k":"2026-01-02"}}`, context("k", "2026-01-02T00:00Z"), true},
		{"date does not equal", `{"DateNotEquals":{"k":"2026-01-02"}}`, context("k", "2026-01-02T00:00:00Z"), false},
		{"date too late", `{"DateLessThanEquals":{"k":"2026-01-01T00:00:00Z"}}`, context("k", "2026-01-02T00:00:00Z"), false},
		{"date at least", `{"DateGreaterThanEquals":{"k":"2026-01-01T00:00:00.500Z"}}`, context("k", "2026-01-01T00:00:00Z"),
			false},
		{"bytes", `{"BinaryEquals":{"k":"QUI="}}`, context("k", "QUI="), true},
		{"other bytes", `{"BinaryEquals":{"k":"QUI="}}`, context("k", "QUJD"), false},
		{"arn not like", `{"ArnNotLike":{"k":"arn:aws:ec2:*:1:vpc/*"}}`, context("k", "arn:aws:ec2:us-west-2:2:vpc/vpc-1"),
			true},
		{"arn equals another", `{"ArnEquals":{"k":"arn:aws:ec2:r:1:vpc/vpc-1"}}`, context("k", "arn:aws:ec2:r:1:vpc/vpc-2"),
			false},
		{"arn equals with a wildcard", `{"ArnEquals":{"k":"arn:aws:ec2:*:1:vpc/vpc-?"}}`,
			context("k", "arn:aws:ec2:r:1:vpc/vpc-2"), true},
		{"arn that is none", `{"ArnEquals":{"k":"arn:aws:ec2:*:*:*"}}`, context("k", "arn:aws:ec2"), false},
		{"date", `{"DateGreaterThan":{"k":"2026-01-01T00:00:00Z"}}`, context("k", "2026-01-02T00:00:00Z"), true},
		{"date in seconds", `{"DateLessThan":{"k":"2026-01-01T00:00:00Z"}}`, context("k", "1700000000"), true},
		{"address", `{"IpAddress":{"k":["10.0.0.0/8","::1"]}}`, context("k", "10.1.2.3"), true},
		{"address by itself", `{"IpAddress":{"k":["10.0.0.0/8","2001:db8::1"]}}`, context("k", "2001:db8::1"), true},
		{"address beside it", `{"IpAddress":{"k":["10.0.0.0/8","2001:db8::1"]}}`, context("k", "2001:db8::2"), false},
		{"address of the older protocol in the newer's form", `{"IpAddress":{"k":"10.0.0.0/8"}}`,
			context("k", "::ffff:10.1.2.3"), true},
		{"address that is none", `{"IpAddress":{"k":"0.0.0.0/0"}}`, context("k", "somewhere"), false},
		{"other address", `{"NotIpAddress":{"k":"10.0.0.0/8"}}`, context("k", "10.1.2.3"), false},
		{"all values", `{"ForAllValues:StringEquals":{"aws:TagKeys":["a","b","c"]}}`, keys, true},
		{"not all values", `{"ForAllValues:StringEquals":{"aws:TagKeys":"a"}}`, keys, false},
		{"all of none", `{"ForAllValues:StringEquals":{"aws:TagKeys":"a"}}`, none, true},
		{"all values are others", `{"ForAllValues:StringNotEquals":{"aws:TagKeys":"b"}}`, keys, false},
		{"all values like", `{"ForAllValues:StringLike":{"aws:TagKeys":["a*","b*"]}}`, keys, true},
		{"any value", `{"ForAnyValue:StringEquals":{"aws:TagKeys":"b"}}`, keys, true},
		{"any of none", `{"ForAnyValue:StringEquals":{"aws:TagKeys":"b"}}`, none, false},
		{"any value is another", `{"ForAnyValue:StringNotEquals":{"aws:TagKeys":"b"}}`, keys, true},
		{"any of the values is another", `{"ForAnyValue:StringNotEquals":{"aws:TagKeys":["a","b"]}}`, keys, false},
		{"one of several values of a key", `{"StringEquals":{"aws:TagKeys":"b"}}`, keys, true},
		{"all values, one if exists", `{"ForAllValues:StringEqualsIfExists":{"aws:TagKeys":"a"}}`, keys, false},
		{"not false", `{"Bool":{"aws:SecureTransport":"false"}}`, context("aws:SecureTransport", "true"), false},
		{"variable with space around", `{"StringEquals":{"k":"${ aws:username }"}}`, context("k", "ann", "aws:username",
			"ann"), true},
		{"variable that is not closed", `{"StringLike":{"k":"a*${b"}}`, context("k", "a-${b"), true},
		{"variable that is not closed is text", `{"StringLike":{"k":"a*${b"}}`, context("k", "a-${c"), false},
		{"a star that is none", `{"StringEquals":{"k":"a*"}}`, context("k", "a*"), true},
		{"like is about the whole", `{"StringLike":{"k":"b"}}`, context("k", "ab"), false},
		{"variable of several values", `{"StringEquals":{"k":"${aws:TagKeys}"}}`, context("k", "a", "aws:TagKeys", "a",
			"aws:TagKeys", "b"), false},
		{"any value if exists", `{"ForAnyValue:StringLikeIfExists":{"aws:TagKeys":"x*"}}`, none, true},
		{"variable", `{"StringEquals":{"k":"${aws:username}"}}`, context("k", "ann", "aws:username", "ann"), true},
		{"a variable's value has no wildcards", `{"StringLike":{"k":"${aws:username}"}}`, context("k", "anna", "aws:username",
			"ann*"), false},
		{"variable beside a wildcard", `{"StringLike":{"k":"${aws:username}-*"}}`, context("k", "ann-1", "aws:username",
			"ann"), true},
		{"variable without value", `{"StringEquals":{"k":"${aws:username}"}}`, context("k", ""), false},
		{"variable with default", `{"StringEquals":{"k":"${aws:PrincipalTag/team, 'none'}"}}`, context("k", "none"), true},
		{"literal asterisk", `{"StringLike":{"k":"a${*}${$}"}}`, context("k", "a*$"), true},
		{"literal asterisk is no wildcard", `{"StringLike":{"k":"a${*}"}}`, context("k", "ab"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d, err := ParseIdentity(
				[]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":` +
					tt.condition + `}}`))
			if err != nil {
				t.Fatal(err)
			}
			r := &Request{Action: "ec2:CreateTags", Resource: "*", Context: tt.context}
			if got := Evaluate(r, []Layer{{Identity, []*Document{d}}}).Allowed; got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestStatementsCoverActionsAndResources(t *testing.T) {
	t.Parallel()
	const group = "arn:aws:ec2:us-west-2:123456789012:security-group/sg-1"
	tests := []struct {
		name, statement, action, resource string
		want                              bool
	}{
		{"exact", `"Action":"ec2:CreateTags","Resource":"` + group + `"`, "ec2:CreateTags", group, true},
		{"action without regard to case", `"Action":"EC2:createtags","Resource":"*"`, "ec2:CreateTags", group, true},
		{"action wildcard", `"Action":"ec2:Describe*","Resource":"*"`, "ec2:DescribeVpcs", "*", true},
		{"one character", `"Action":"ec2:DescribeVpc?","Resource":"*"`, "ec2:DescribeVpcs", "*", true},
		{"service wildcard", `"Action":"ec2:*","Resource":"*"`, "elasticloadbalancing:AddTags", "*", false},
		{"resource wildcard", `"Action":"*","Resource":"arn:aws:ec2:*:*:security-group/*"`, "ec2:CreateTags", group, true},
		{"resource with regard to case", `"Action":"*","Resource":"arn:aws:ec2:*:*:Security-group/*"`, "ec2:CreateTags",
			group, false},
		{"wildcard does not cross colons", `"Action":"*","Resource":"arn:aws:ec2:*:security-group/*:"`, "ec2:CreateTags",
			group, false},
		{"a wildcard needs the rest as well", `"Action":"*","Resource":"arn:aws:ec2:*:*:security-group/*-2"`,
			"ec2:CreateTags", group, false},
		{"wildcard does cross colons at the end", `"Action":"*","Resource":"arn:aws:logs:r:1:log-group:*"`,
			"logs:CreateLogStream", "arn:aws:logs:r:1:log-group:g:log-stream:s", true},
		{"another partition", `"Action":"*","Resource":"arn:aws-cn:ec2:*:*:security-group/*"`, "ec2:CreateTags",
			group, false},
		{"ARNs do not cover calls without resource", `"Action":"*","Resource":"arn:aws:ec2:*:*:*"`, "ec2:DescribeVpcs",
			"*", false},
		{"not action", `"NotAction":["iam:*","sts:*"],"Resource":"*"`, "ec2:DescribeVpcs", "*", true},
		{"not action, named", `"NotAction":["iam:*","ec2:*"],"Resource":"*"`, "ec2:DescribeVpcs", "*", false},
		{"not resource", `"Action":"*","NotResource":"arn:aws:ec2:*:*:vpc/*"`, "ec2:CreateTags", group, true},
		{"not resource, named", `"Action":"*","NotResource":"` + group + `"`, "ec2:CreateTags", group, false},
		{"variable in a resource", `"Action":"*","Resource":"arn:aws:ec2:*:*:security-group/${aws:username}"`,
			"ec2:CreateTags", group, true},
		{"unknown variable in a resource", `"Action":"*","Resource":"arn:aws:ec2:*:*:${aws:PrincipalTag/x}"`,
			"ec2:CreateTags", group, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d, err := ParseIdentity([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` + tt.statement + `}]}`))
			if err != nil {
				t.Fatal(err)
			}
			r := &Request{Action: tt.action, Resource: tt.resource, Context: context("aws:username", "sg-1")}
			if got := Evaluate(r, []Layer{{Identity, []*Document{d}}}).Allowed; got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestTheOlderLanguageHasNoVariables(t *testing.T) {
	t.Parallel()
	d, err := ParseIdentity(
		[]byte(
			`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"k":"${aws:username}"}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	r := &Request{Action: "a:B", Resource: "*", Context: context("k", "${aws:username}", "aws:username", "ann")}
	if !Evaluate(r, []Layer{{Identity, []*Document{d}}}).Allowed {
		t.Error("the text of the variable did not compare as it is")
	}
}

func TestADenyWinsAndEveryLayerMustAllow(t *testing.T) {
	t.Parallel()
	document := func(effect, action string) *Document {
		d, err := ParseIdentity(
			fmt.Appendf(nil, `{"Version":"2012-10-17","Statement":[{"Effect":%q,"Action":%q,"Resource":"*"}]}`, effect, action))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	all, describe, deny := document("Allow", "*"), document("Allow", "ec2:Describe*"), document("Deny", "ec2:*")
	tests := []struct {
		name     string
		layers   []Layer
		allowed  bool
		explicit bool
		by       Kind
	}{
		{"nothing", nil, false, false, Identity},
		{"no policy", []Layer{{Kind: Identity}}, false, false, Identity},
		{"one allows", []Layer{{Identity, []*Document{describe, all}}}, true, false, Identity},
		{"none allows", []Layer{{Identity, []*Document{describe}}}, false, false, Identity},
		{"a later one denies", []Layer{{Identity, []*Document{all, deny}}}, false, true, Identity},
		{"the boundary does not allow", []Layer{{Identity, []*Document{all}}, {Boundary, []*Document{describe}}}, false,
			false, Boundary},
		{"the session denies", []Layer{{Identity, []*Document{all}}, {Session, []*Document{all, deny}}}, false,
			true, Session},
		{"a deny is told rather than a lack", []Layer{{Identity, []*Document{describe}}, {Organization, []*Document{deny}}},
			false, true, Organization},
		{"the first layer that lacks it is told", []Layer{{Identity, []*Document{describe}},
			{Boundary, []*Document{describe}}}, false, false, Identity},
		{"all allow", []Layer{{Identity, []*Document{all}}, {Boundary, []*Document{all}}, {Session, []*Document{all}}}, true,
			false, Identity},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := Evaluate(&Request{Action: "ec2:CreateTags", Resource: "*", Context: Context{}}, tt.layers)
			if got.Allowed != tt.allowed || got.Explicit != tt.explicit || got.By != tt.by {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestBrokenPoliciesAreRefusedWithTheirElement(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"no JSON", `{`, "unexpected end"},
		{"a list", `[]`, "is not an object"},
		{"no statement", `{"Version":"2012-10-17"}`, "Statement: is missing"},
		{"empty", `{"Statement":[]}`, "Statement: is missing"},
		{"version", `{"Version":"2020-01-01","Statement":[]}`, `Version: "2020-01-01"`},
		{"element", `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Conditions":{}}]}`,
			"Statement[0].Conditions: not an element"},
		{"case of an element", `{"Statement":[{"effect":"Allow","Action":"*","Resource":"*"}]}`, "effect: not an element"},
		{"effect", `{"Statement":[{"Effect":"allow","Action":"*","Resource":"*"}]}`, `Effect: "allow"`},
		{"no action", `{"Statement":[{"Effect":"Allow","Resource":"*"}]}`, "give either Action or NotAction"},
		{"both actions", `{"Statement":[{"Effect":"Allow","Action":"*","NotAction":"*","Resource":"*"}]}`,
			"give either Action or NotAction"},
		{"action form", `{"Statement":[{"Effect":"Allow","Action":"DescribeVpcs","Resource":"*"}]}`,
			`Action: "DescribeVpcs"`},
		{"wild service", `{"Statement":[{"Effect":"Allow","Action":"e*:Describe","Resource":"*"}]}`, `Action: "e*:Describe"`},
		{"no resource", `{"Statement":[{"Effect":"Allow","Action":"*"}]}`, "give either Resource or NotResource"},
		{"resource form", `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"sg-1"}]}`, `Resource: "sg-1"`},
		{"resource type", `{"Statement":[{"Effect":"Allow","Action":"*","Resource":1}]}`, "Resource: 1 is not a string"},
		{"principal", `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"}]}`,
			"an identity-based policy has none"},
		{"operator", `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringIs":{"k":"v"}}}]}`,
			"StringIs: not a condition operator"},
		{"null if exists",
			`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"NullIfExists":{"k":"true"}}}]}`,
			"NullIfExists: not a condition operator"},
		{"null value", `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Null":{"k":"yes"}}}]}`,
			`"yes" is not true or false`},
		{"no value", `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringLike":{"k":[]}}}]}`,
			"has no value"},
		{"same sid",
			`{"Statement":[{"Sid":"a","Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"a","Effect":"Allow","Action":"*","Resource":"*"}]}`, `Statement[1].Sid: "a" is used already`},
		{"two operators' values",
			`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"k":"10.0.0.0/33"}}}]}`,
			`"10.0.0.0/33" is not an address or a CIDR block`},
		{"no number",
			`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"NumericLessThan":{"k":"few"}}}]}`,
			`"few" is not a number`},
		{"no time",
			`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"DateLessThan":{"k":"soon"}}}]}`,
			`"soon" is not a time`},
		{"sid", `{"Statement":[{"Sid":"a b","Effect":"Allow","Action":"*","Resource":"*"}]}`,
			`Sid: "a b" holds more than letters and digits`},
		{"both resources", `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","NotResource":"*"}]}`,
			"give either Resource or NotResource"},
		{"who it is not about", `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","NotPrincipal":{"AWS":"1"}}]}`,
			"an identity-based policy has none"},
		{"short ARN", `{"Statement":[{"Effect":"Allow","Action":"*","NotResource":"arn:aws:ec2:*:*"}]}`,
			`"arn:aws:ec2:*:*" is neither * nor an ARN`},
		{"other action form", `{"Statement":[{"Effect":"Allow","NotAction":["ec2:*","nothing"],"Resource":"*"}]}`,
			`"nothing" is neither`},
		{"too long", `{"Id":"` + strings.Repeat("x", 7000) + `"}`, "more than the 6144"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseIdentity([]byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestTrustPoliciesNameTheCallersThatMayAssume(t *testing.T) {
	t.Parallel()
	role := Principal{ARNs: []string{"arn:aws:sts::1:assumed-role/lbc/s", "arn:aws:iam::1:role/lbc"}, Account: "1"}
	pod := Principal{Service: "pods.eks.amazonaws.com"}
	token := Principal{Federated: "arn:aws:iam::1:oidc-provider/oidc.example"}
	claims := context("oidc.example:sub", "system:serviceaccount:kube-system:lbc", "sts:ExternalId", "blue")
	tests := []struct {
		name, statement string
		who             Principal
		action          string
		want            Trust
	}{
		{"named", `"Principal":{"AWS":"arn:aws:iam::1:role/lbc"}`, role, "sts:AssumeRole", ByIdentity},
		{"the session", `"Principal":{"AWS":["arn:aws:sts::1:assumed-role/lbc/s"]}`, role, "sts:AssumeRole", ByIdentity},
		{"another role", `"Principal":{"AWS":"arn:aws:iam::1:role/other"}`, role, "sts:AssumeRole", Untrusted},
		{"its account", `"Principal":{"AWS":"arn:aws:iam::1:root"}`, role, "sts:AssumeRole", ByAccount},
		{"its account's number", `"Principal":{"AWS":"1"}`, role, "sts:AssumeRole", ByAccount},
		{"another account", `"Principal":{"AWS":"2"}`, role, "sts:AssumeRole", Untrusted},
		{"another action", `"Principal":{"AWS":"arn:aws:iam::1:role/lbc"}`, role, "sts:GetFederationToken", Untrusted},
		{"anybody's account", `"Principal":{"AWS":["*","2"]}`, role, "sts:AssumeRole", ByAccount},
		{"a user of another account by name", `"Principal":{"AWS":["arn:aws:iam::2:root","arn:aws:iam::1:user/root"]}`, role,
			"sts:AssumeRole", Untrusted},
		{"no service is not everyone",
			`"Principal":{"Service":"pods.eks.amazonaws.com","Federated":"arn:aws:iam::1:oidc-provider/other"}`, role,
			"sts:AssumeRole", Untrusted},
		{"everybody", `"Principal":"*"`, role, "sts:AssumeRole", ByAccount},
		{"all but one", `"NotPrincipal":{"AWS":"arn:aws:iam::1:role/lbc"}`, role, "sts:AssumeRole", Untrusted},
		{"all but another", `"NotPrincipal":{"AWS":"arn:aws:iam::1:role/other"}`, role, "sts:AssumeRole", ByAccount},
		{"external id", `"Principal":{"AWS":"1"},"Condition":{"StringEquals":{"sts:ExternalId":"blue"}}`, role,
			"sts:AssumeRole", ByAccount},
		{"another external id", `"Principal":{"AWS":"1"},"Condition":{"StringEquals":{"sts:ExternalId":"red"}}`, role,
			"sts:AssumeRole", Untrusted},
		{"service", `"Principal":{"Service":"pods.eks.amazonaws.com"}`, pod, "sts:TagSession", ByIdentity},
		{"another service", `"Principal":{"Service":"ec2.amazonaws.com"}`, pod, "sts:AssumeRole", Untrusted},
		{"provider",
			`"Principal":{"Federated":"arn:aws:iam::1:oidc-provider/oidc.example"},"Condition":{"StringLike":{"oidc.example:sub":"system:serviceaccount:kube-system:*"}}`, token, "sts:AssumeRoleWithWebIdentity", ByIdentity},
		{"provider, another subject",
			`"Principal":{"Federated":"arn:aws:iam::1:oidc-provider/oidc.example"},"Condition":{"StringEquals":{"oidc.example:sub":"system:serviceaccount:default:x"}}`, token, "sts:AssumeRoleWithWebIdentity", Untrusted},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d, err := ParseTrust(
				[]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:AssumeRole*","sts:TagSession"],` +
					tt.statement + `}]}`))
			if err != nil {
				t.Fatal(err)
			}
			if got := d.Trusts(tt.who, tt.action, claims); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	d, err := ParseTrust(
		[]byte(
			`{"Statement":[{"Effect":"Allow","Action":"*","Principal":"*"},{"Effect":"Deny","Action":"*","Principal":{"AWS":"arn:aws:iam::1:role/lbc"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Trusts(role, "sts:AssumeRole", claims); got != Refused {
		t.Errorf("denied: %v", got)
	}
	if d,
		err = ParseTrust(
		[]byte(
			`{"Statement":[{"Effect":"Allow","Action":"*","Principal":"*"},{"Effect":"Deny","Action":"*","Principal":{"AWS":"arn:aws:iam::1:role/other"}}]}`)); err != nil {
		t.Fatal(err)
	}
	if got := d.Trusts(role, "sts:AssumeRole", claims); got != ByAccount {
		t.Errorf("another is denied: %v", got)
	}
	for text, want := range map[string]string{
		`{"Statement":{"Effect":"Allow","Action":"*","Principal":"*","NotPrincipal":{"AWS":"1"}}}`: "give either Principal",
		`{"Statement":{"Effect":"Allow","Action":"*","NotResource":"*","Principal":"*"}}`:          "a trust policy has none",
		`{"Id":"` + strings.Repeat("x", 5000) +
			`"}`: "more than the 4096",
		`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"}}`:                              "a trust policy has none",
		`{"Statement":{"Effect":"Allow","Action":"*"}}`:                                                             "give either Principal",
		`{"Statement":{"Effect":"Allow","Action":"*","Principal":{"AWS":"arn:aws:iam::1:role/*"}}}`:                 "may not hold wildcards",
		`{"Statement":{"Effect":"Allow","Action":"*","Principal":"1"}}`:                                             "neither * nor an object",
		`{"Statement":{"Effect":"Allow","Action":"*","Principal":{"Kubernetes":"arn:aws:iam::1:oidc-provider/x"}}}`: "Kubernetes: not an element",
	} {
		if _, err := ParseTrust([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}
