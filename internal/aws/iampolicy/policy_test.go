package iampolicy

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// foreign are the features for what has no tag of the cluster.
var foreign = []Feature{ExistingBalancers, ForeignSecurityGroups, ForeignTargetGroups, UntaggedListeners}

// all are the names of all features that fit into one policy. Accelerators, for which existing installations have
// another one, would be too much, and so would what belongs to others.
func all() (out []Feature) {
	for _, f := range Features {
		if f.Name != GlobalAccelerator && !slices.Contains(foreign, f.Name) {
			out = append(out, f.Name)
		}
	}
	return out
}

func minimal(t *testing.T, o Options) Document {
	t.Helper()
	d, err := Minimal(Calls(), o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// value is a document as AWS reads it: the order of lists does not count, and a list of one is the same as its element.
func value(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return unordered(v)
}

func unordered(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			v[k] = unordered(x)
		}
	case []any:
		for i, x := range v {
			v[i] = unordered(x)
		}
		if len(v) == 1 {
			return v[0]
		}
		// maps print in the order of their keys
		slices.SortFunc(v, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	}
	return v
}

// The simulator's copies of the policies were written down from those that AWS's users attach.
func TestPublishedPoliciesAreThoseOfExistingInstallations(t *testing.T) {
	t.Parallel()
	witness := map[string]string{
		"iam_policy_v1_to_v2_additional.json": "migration", "iam_policy_certificates.json": "certificates",
		"iam_policy_globalaccelerator.json": "accelerators", "iam_policy_targetgroupbindings.json": "bindings",
	}
	for _, p := range Partitions {
		witness["iam_policy"+p.File+".json"] = "controller." + p.Name
	}
	published := Published()
	if len(witness) != len(published) {
		t.Errorf("%d policies are published, %d are compared", len(published), len(witness))
	}
	for name, d := range published {
		text, err := d.JSON()
		if err != nil {
			t.Fatal(err)
		}
		known, err := os.ReadFile("../../../awssim/iam/testdata/policies/" + witness[name] + ".json")
		if err != nil {
			t.Fatal(err)
		}
		if got, want := value(t, []byte(text)), value(t, known); !reflect.DeepEqual(got, want) {
			t.Errorf("%s differs from the simulator's copy", name)
		}
		if n := d.Length(); n > Longest {
			t.Errorf("%s has %d characters", name, n)
		}
	}
}

func TestRulesOfOneSidHaveTheSameResourcesAndCondition(t *testing.T) {
	t.Parallel()
	o := Options{Partition: "aws", Cluster: "prod", VPC: "vpc-1", Bucket: "b"}
	first := map[string][2]any{}
	for _, r := range rules {
		var is [2]any
		if r.on != nil {
			is[0] = r.on(o)
		}
		if r.when != nil {
			is[1] = r.when(o)
		}
		if was, ok := first[r.sid]; ok && !reflect.DeepEqual(was, is) {
			t.Errorf("%s of %v: %v, and before %v", r.sid, r.actions, is, was)
		}
		first[r.sid] = is
	}
}

func TestAFeatureThatIsLeftOutTakesItsActionsAway(t *testing.T) {
	t.Parallel()
	for _, f := range all() {
		without := slices.DeleteFunc(all(), func(x Feature) bool { return x == f })
		o := Options{Bucket: "b", Features: without}
		if f == TrustStoreUploads {
			o.Bucket = ""
		}
		left := minimal(t, o)
		needed := []string{} // by other features, too
		for _, r := range rules {
			if r.feature != f {
				needed = append(needed, r.actions...)
			}
		}
		taken := 0
		for _, r := range rules {
			if r.feature != f {
				continue
			}
			for _, a := range r.actions {
				if slices.Contains(needed, a) {
					continue
				}
				taken++
				if slices.Contains(left.Actions(), a) {
					t.Errorf("without %s, %s is allowed", f, a)
				}
			}
		}
		// requests, imports and uploads read the same; load balancers of others are tagged as ours are
		if taken == 0 && f != Discovery && f != TrustStores && f != ExistingBalancers {
			t.Errorf("%s has no action of its own", f)
		}
	}
}

func TestAPolicyIsScopedToItsClusterVPCAndBucket(t *testing.T) {
	t.Parallel()
	d := minimal(t, Options{Partition: "aws-us-gov", Cluster: "prod", VPC: "vpc-1", Bucket: "authorities",
		Prefix: "trust-stores", Features: all(),
		Roles: []string{"arn:aws-us-gov:iam::222222222222:role/targets-*"}})
	text, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"aws:RequestTag/elbv2.k8s.aws/cluster": "prod"`, `"aws:ResourceTag/elbv2.k8s.aws/cluster": "prod"`,
		`"arn:aws-us-gov:ec2:*:*:vpc/vpc-1"`,
		`"ec2:Vpc": "arn:aws-us-gov:ec2:*:*:vpc/vpc-1"`, `"arn:aws-us-gov:s3:::authorities/trust-stores/prod/*"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if !strings.Contains(text, `"arn:aws-us-gov:iam::222222222222:role/targets-*"`) {
		t.Errorf("the role is not there:\n%s", text)
	}
	if strings.Contains(text, "arn:aws:") {
		t.Errorf("an ARN of another partition:\n%s", text)
	}
	whichever := minimal(t, Options{Features: Defaults()})
	if text, err := whichever.JSON(); err != nil || strings.Contains(text, "StringEquals\": {\n        \"aws:") ||
		!strings.Contains(text, `"aws:ResourceTag/elbv2.k8s.aws/cluster": "false"`) {
		t.Errorf("without a cluster, the tag of any cluster counts: %v\n%s", err, text)
	}
}

func TestTheLongestNameOfAClusterFits(t *testing.T) {
	t.Parallel()
	o := Options{Partition: "aws-us-gov", Cluster: strings.Repeat("c", 100), VPC: "vpc-0123456789abcdef0",
		Features: Defaults()}
	minimal(t, o)
	o.Cluster, o.Bucket, o.Features = strings.Repeat("c", 16), strings.Repeat("b", 63), all()
	minimal(t, o)
}

func TestWhatAcceleratorsNeedFitsIntoAPolicyOfItsOwn(t *testing.T) {
	t.Parallel()
	without := minimal(t, Options{Features: Defaults()})
	apart := minimal(t, Options{Cluster: strings.Repeat("c", 100), Features: []Feature{GlobalAccelerator}, Apart: true})
	for _, r := range acceleratorRules {
		for _, a := range r.actions {
			if !slices.Contains(apart.Actions(), a) {
				t.Errorf("%s is not allowed", a)
			}
			if a != "iam:CreateServiceLinkedRole" && slices.Contains(without.Actions(), a) {
				t.Errorf("%s is allowed without the feature", a)
			}
		}
	}
	for _, a := range apart.Actions() {
		if !strings.HasPrefix(a, "globalaccelerator:") && a != "iam:CreateServiceLinkedRole" {
			t.Errorf("%s is not of accelerators", a)
		}
		if published := Accelerators("aws").Actions(); !slices.Contains(published, a) {
			t.Errorf("%s is not in the policy of existing installations", a)
		}
	}
}

func TestIsolatedPartitionsGetNoActionsThatTheyLack(t *testing.T) {
	t.Parallel()
	d := minimal(t, Options{Partition: "aws-iso-b", Features: Defaults()})
	for _, a := range isolated {
		if slices.Contains(d.Actions(), a) {
			t.Errorf("%s is allowed", a)
		}
	}
}

func TestOptionsThatDoNotFitAreRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		actions []string
		o       Options
		want    string
	}{
		{nil, Options{Partition: "aws-moon"}, `partition "aws-moon": must be aws, aws-cn,`},
		{nil, Options{Features: []Feature{"waves"}}, `feature "waves": must be account-limits,`},
		{nil, Options{Features: []Feature{TrustStoreUploads}}, "needs a bucket"},
		{nil, Options{Bucket: "b"}, "a bucket needs the feature"},
		{[]string{"ec2:RebootInstances"}, Options{}, "ec2:RebootInstances has no rule"},
		{Calls(), Options{Cluster: strings.Repeat("c", 900), Features: all(), Bucket: "b"},
			"move features to a second policy"},
	} {
		if _, err := Minimal(tt.actions, tt.o); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got %v, want %q", tt.o, err, tt.want)
		}
	}
}

func TestTerraformHasEveryStatementAndNoTemplates(t *testing.T) {
	t.Parallel()
	d := minimal(t, Options{Cluster: "${aws:PrincipalTag/eks-cluster-name}", Features: Defaults()})
	text := d.Terraform()
	if n := strings.Count(text, "\n  statement {"); n != len(d.Statement) {
		t.Errorf("%d statements, want %d", n, len(d.Statement))
	}
	conditions := 0
	for _, s := range d.Statement {
		for _, keys := range s.Condition {
			conditions += len(keys)
		}
	}
	if n := strings.Count(text, "\n    condition {"); n != conditions {
		t.Errorf("%d conditions, want %d", n, conditions)
	}
	if strings.Count(text, "{") != strings.Count(text, "}") || strings.Count(text, "[") != strings.Count(text, "]") {
		t.Errorf("brackets do not match:\n%s", text)
	}
	if !strings.Contains(text, `["$${aws:PrincipalTag/eks-cluster-name}"]`) || strings.Contains(text, `"${`) {
		t.Errorf("a variable of IAM is a template of Terraform:\n%s", text)
	}
}

func TestCloudFormationHasTheDocument(t *testing.T) {
	t.Parallel()
	d := Standard("aws")
	text, err := d.CloudFormation()
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Resources map[string]struct {
			Type       string
			Properties struct{ PolicyDocument json.RawMessage }
		}
	}
	if err := yaml.Unmarshal([]byte(text), &template); err != nil {
		t.Fatal(err)
	}
	p := template.Resources[resourceName]
	want, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if p.Type != "AWS::IAM::ManagedPolicy" || !reflect.DeepEqual(value(t, p.Properties.PolicyDocument),
		value(t, []byte(want))) {
		t.Errorf("got\n%s", text)
	}
}
