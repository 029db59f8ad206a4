// Command gendocs writes the reference pages that come from tables of the program: annotations, configurations of
// Gateways, GlobalAccelerators, findings, flags, metrics, permissions; the IAM policies of docs/install; and the
// budgets of calls and the checks of lbc doctor into pages that people write. It writes into docs/ below the working
// directory, and the statements of actions into the package that words denials.
package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/internal/aws/iampolicy"
	"github.com/k8s-lbc/lbc/internal/aws/permission"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	metricspage "github.com/k8s-lbc/lbc/internal/controller/metrics/reference"
	"github.com/k8s-lbc/lbc/internal/controller/startup"
	"github.com/k8s-lbc/lbc/internal/front/gateway/reference"
	"github.com/k8s-lbc/lbc/internal/lbc/checks"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

func main() {
	gateways, err := configurations(".")
	if err != nil {
		fail(err)
	}
	globalAccelerators, err := accelerators()
	if err != nil {
		fail(err)
	}
	kinds, err := kinds()
	if err != nil {
		fail(err)
	}
	actions := permissions()
	rights, err := clusterRights()
	if err != nil {
		fail(err)
	}
	keys, err := annotations(".")
	if err != nil {
		fail(err)
	}
	codes, err := findings(".")
	if err != nil {
		fail(err)
	}
	for name, text := range map[string]string{
		"annotations.md":                  keys,
		"gateway-reference.md":            gateways,
		"findings.md":                     codes,
		"global-accelerator-reference.md": globalAccelerators,
		"flags.md":                        flags(),
		"reference.md":                    kinds,
		"metrics.md":                      metricspage.Page(),
		"permissions.md":                  actions + rights,
	} {
		if err := os.WriteFile(filepath.Join("docs", name), []byte(text), 0o644); err != nil {
			fail(err)
		}
	}
	table, err := partitions()
	if err != nil {
		fail(err)
	}
	if err := errors.Join(
		section("doctor.md", "checks", checks.Page()),
		section("tasks/going-back.md", "additions", additions()),
		section("support.md", "kubernetes", supported()),
		section("tasks/install-others.md", "partitions", table),
		section("operations/reconciling.md", "budgets", budgets()),
		section("lbc.md", "units", unitsTable()),
		section("lbc.md", "exposure", kindsTable()),
		policies(), chartReadme(), writeStatements()); err != nil {
		fail(err)
	}
}

// policies writes the published IAM policies.
func policies() error {
	for name, d := range iampolicy.Published() {
		text, err := d.JSON()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join("docs", "install", name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// configurations is the page about the kinds of gateway.k8s.aws, made of config/crd.
func configurations(root string) (string, error) {
	var definitions [][]byte
	for _, name := range reference.Kinds {
		d, err := os.ReadFile(filepath.Join(root, "config", "crd", name))
		if err != nil {
			return "", err
		}
		definitions = append(definitions, d)
	}
	texts, err := rowComments(filepath.Join(root, "internal/kube/annotation"))
	if err != nil {
		return "", err
	}
	return reference.Page(definitions, texts)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "gendocs:", err)
	os.Exit(1)
}

// section replaces what is between the marks of a name in a page that people write.
func section(page, name, text string) error {
	path := filepath.Join("docs", page)
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(old), "<!-- generated: "+name)
	if !ok {
		return fmt.Errorf("%s has no section %s", path, name)
	}
	mark, rest, opened := strings.Cut(rest, "-->\n")
	_, after, closed := strings.Cut(rest, "<!-- end of "+name)
	if !opened || !closed {
		return fmt.Errorf("section %s of %s has no end", name, path)
	}
	return os.WriteFile(path, []byte(before+"<!-- generated: "+name+mark+"-->\n\n"+text+"\n<!-- end of "+name+after),
		0o644)
}

const generated = "This page is generated; `make generate` writes it.\n\n"

// introduction begins a generated page: for whom it is, and what one can do afterwards.
func introduction(reader, afterwards string) string {
	return "For " + reader + ".\nAfterwards you " + afterwards + ".\n\n" + generated
}

// findings is the page of all codes. root is the directory of the module.
func findings(root string) (string, error) {
	meaning, err := rowComments(filepath.Join(root, "internal/model/diag"))
	if err != nil {
		return "", err
	}
	generated := introduction("users and operators who see a code in brackets in an event or a condition",
		"know what the code means, and whether the controller tries again")
	var b strings.Builder
	b.WriteString("# Findings\n\n" + generated + "Every finding ends with its code in brackets.\n" +
		"Its text says what is wrong, in which field, and what to do.\n" +
		"Codes that only `lbc lint` reports are in [lbc.md](lbc.md#lbc-lint).\n\n" +
		"The table shows the reason of the event, with two exceptions.\n" +
		"If AWS refuses a write, the reason is FailedDeployModel.\n" +
		"If something fails before the first write, the reason is FailedBuildModel.\n\n" +
		"A finding of class *note* stops nothing. A finding of class *invalid* waits for an edit.\n" +
		"A finding of class *conflict* or *notFound* waits for a change in the cluster or in AWS.\n" +
		"After a finding of another class, the controller tries again.\n\n" +
		"A *group* is a set of Ingresses or Services that share a load balancer; these objects are its *members*.\n\n" +
		"| Code | Event reason | Class | Meaning |\n|---|---|---|---|\n")
	codes := diag.Codes()
	slices.Sort(codes)
	for _, c := range codes {
		i, _ := diag.Lookup(c)
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", c, i.Reason, i.Class, meaning[string(c)])
	}
	return b.String(), nil
}

// flagsOnlyHere are the flags that the existing controller does not have.
var flagsOnlyHere = strings.Fields(`
	existing-features-only default-ip-address-type strict-groups deletion-brake object-labels copied-labels assumable-roles
	existing-load-balancers bindable-target-groups binding-networking external-target-groups
	cross-namespace-target-groups endpoints-without-pods node-security-group max-rules-per-security-group
	deregistration-brake open-readiness-gates-after exclude-ip-targets-by-node-label drift-check-interval
	drift-policy replacement-policy publish-address enable-checkpoints enable-tls-secret-import webhook-bind-host
	pprof-bind-addr metrics-secure metrics-cert-dir otlp-traces-endpoint otlp-traces-sampling-ratio version
	webhook-cert-secret webhook-cert-lifetime webhook-configurations
	console-bind-addr delete-orphans-after enable-node-drain-condition
`)

func flags() string {
	generated := introduction("operators who configure the controller",
		"know the name, the default and the meaning of each flag and feature gate")
	var b strings.Builder
	b.WriteString("# Flags\n\n" + generated + "The flags have the names of the flags of the AWS Load Balancer " +
		"Controller v3.5 (the *existing controller*). They have the same defaults, unless a row says otherwise.\nColumn " +
		"*Only here* marks the flags that the existing controller does not have.\n\n| Flag | Only here | Default | Meaning " +
		"|\n|---|---|---|---|\n")
	config.FlagSet(&config.Config{}).VisitAll(func(f *pflag.Flag) {
		if f.Name == "feature-gates" {
			return
		}
		def := f.DefValue
		if f.Value.Type() == "stringSlice" {
			def = strings.Trim(def, "[]")
		}
		if def != "" && def != "[]" {
			def = "`" + strings.ReplaceAll(def, "|", "\\|") + "`"
		}
		only := ""
		if slices.Contains(flagsOnlyHere, f.Name) {
			only = "yes"
		}
		fmt.Fprintf(&b, "| `--%s` | %s | %s | %s |\n", f.Name, only, strings.Trim(def, "[]"), f.Usage)
	})
	b.WriteString("\n## Feature gates\n\n`--feature-gates=Name=bool,Name=bool`\n\n| Gate | Default | Meaning " +
		"|\n|---|---|---|\n")
	for _, g := range config.GateDocs() {
		fmt.Fprintf(&b, "| `%s` | %t | %s |\n", g.Name, g.Default, g.Doc)
	}
	return b.String()
}

const permissionsHead = `The page lists every AWS call that the controller can make, and the IAM action that allows the call.
If AWS denies a call, the controller reports it on the object that needs the call.
The event names the action and the statement of the policy that ` + "`lbc iam-policy`" +
	` prints. Everything else continues.
Once you allow the action, the controller completes the work without a restart.

## Policies

| Policy | For |
|---|---|
| [iam_policy.json](install/iam_policy.json), and for other partitions [_cn](install/iam_policy_cn.json), [_us-gov](install/iam_policy_us-gov.json), [_eusc](install/iam_policy_eusc.json), [_iso](install/iam_policy_iso.json), [_isob](install/iam_policy_isob.json), [_isoe](install/iam_policy_isoe.json), [_isof](install/iam_policy_isof.json) | the standard policy, which installations of the AWS Load Balancer Controller have. The standard policy suffices, with these exceptions: web ACLs by name (` + "`wafv2:ListWebACLs`" + `), certificates from Secrets or on request, trust stores of Gateways, and limits of the account above AWS's defaults |
| [iam_policy_certificates.json](install/iam_policy_certificates.json) | in addition, for certificates that the controller requests (gate ` + "`EnableCertificateManagement`" + `) |
| [iam_policy_globalaccelerator.json](install/iam_policy_globalaccelerator.json) | in addition, for [GlobalAccelerators](tasks/global-accelerator.md) (gate ` + "`GlobalAcceleratorController`" + `) |
| [iam_policy_v1_to_v2_additional.json](install/iam_policy_v1_to_v2_additional.json) | in addition, for load balancers of version 1 of the AWS Load Balancer Controller |
| [iam_policy_targetgroupbindings.json](install/iam_policy_targetgroupbindings.json) | instead, if you use only TargetGroupBindings to your own target groups, without security group rules. With this policy, the controller reports no missing right. Once after each start, the controller asks AWS for load balancers, and accepts AWS's refusal |
| ` + "`lbc iam-policy --cluster-name NAME`" +
	` | instead, the smallest policy: the actions below, with the [restrictions of writes](#what-the-smallest-policy-restricts) in the next section. ` + "`-o terraform`" + ` and ` + "`-o cloudformation`" + ` print it for these tools |

## What the smallest policy restricts

IAM allows a write only if the resource has the tag that the table names. ` + "`NAME`" + ` is the value of ` +
	"`--cluster-name`" + `.

| The controller writes to | Condition | With a feature, IAM also allows |
|---|---|---|
| load balancers, target groups and trust stores: changes, deletion, new listeners | tag ` + "`elbv2.k8s.aws/cluster: NAME`" + ` of the resource | ` + "`existing-load-balancers`" + `: load balancers without a tag of a cluster |
| listeners and rules: changes, deletion, priorities, certificates; new rules of a listener | the same tag of the listener or rule | ` + "`existing-load-balancers`, `untagged-listeners`" + `: listeners and rules without a tag of a cluster |
| targets | the same tag of the target group | ` + "`foreign-target-groups`" + `: any target group |
| rules of the security groups of load balancers, and deletion of these security groups | the same tag of the security group | |
| rules of the security groups of nodes and pods | tag ` + "`kubernetes.io/cluster/NAME`" +
	` of the security group, which EKS sets | ` + "`foreign-security-groups`" + `: any security group of the VPC |
| certificates that the controller requests or imports | tag ` + "`elbv2.k8s.aws/cluster: NAME`" +
	` of the certificate | |
| accelerators | the same tag of the accelerator | |
| new resources | the request sets the same tag | |
| tags | the resource already has the same tag, and the request does not set this tag; or the same call creates the resource | ` + "`existing-load-balancers`, `untagged-listeners`" + `: the request sets the tag on a resource without a tag of a cluster |
| records in Route 53 that prove who owns a name | type CNAME, in any zone | |
| objects in S3 for trust stores | the bucket and the prefix of the cluster | |

Even with all features, IAM refuses writes to resources of another cluster. The exceptions are targets in target groups of the other cluster, and rules of its security groups.

The smallest policy does not restrict:

- reads: AWS does not check tags for reads, so the policy allows reads of all resources;
- web ACLs and Shield Advanced (statement AddOns): web ACLs and protections have no tag of the cluster, and AWS does not check the tags of the load balancer;
- which certificates get the tag of the cluster (statement TagCreatedCertificates): no condition of ACM distinguishes a new certificate from an existing certificate without a tag;
- which accelerators get the tag of the cluster (statement TagCreatedAccelerators): Global Accelerator has no such condition either;
- the targets of a rule: IAM checks the listener, not the target groups ([security-model.md](security-model.md) says what the controller checks).

Without ` + "`--cluster-name`" + `, the policy accepts the tag of any cluster. Security groups of nodes then need the tag ` +
	"`aws:eks:cluster-name`" + `, which only EKS sets.
The same applies if the name is an IAM variable, because keys of conditions cannot contain wildcards or variables.

Before you attach the smallest policy to an existing installation, check whether one of these conditions applies:

- The gate ` + "`ListenerRulesTagging`" +
	` was off at some time: the policy does not allow changes of listeners and rules without tags. Until they have tags, add the feature ` +
	"`untagged-listeners`" + `.
- TargetGroupBindings name your own target groups: add ` + "`foreign-target-groups`" + `, or set ` +
	"`--bindable-target-groups`" + ` to their names.
- A security group of nodes or pods lacks the tag ` + "`kubernetes.io/cluster/NAME`" + `: tag it, or add ` +
	"`foreign-security-groups`" + `.

If AWS refuses a call, nothing in AWS changes, and an event names the statement and the feature.
The published policies above do not have these conditions, because the policies of existing installations do not have them.

## Features

` + "`lbc iam-policy`" + ` accepts the flags of the controller. ` + "`--without outposts,ipam`" +
	` omits features by name, and ` + "`--with foreign-target-groups`" + ` adds a feature.
` + "`--only global-accelerator`" + ` prints only the statements of a feature, for a second policy.
IAM allows 6,144 characters in one policy. If you need many features, print some of them as a second policy.

| Feature | Default | What for |
|---|---|---|
`

const rightsHead = `
## Permissions in the cluster

The ClusterRole of the chart and of ` + "`config/rbac`" + ` has the permissions in the table.
Further permissions are in these roles:

| Permissions on | Verbs | When |
|---|---|---|
| the Lease and the ConfigMaps of checkpoints, in the controller's namespace | ` + "`create`, `get`, `update`" +
	` | always |
| ConfigMaps, for [holds](operations/hold.md#hold), in the controller's namespace | ` + "`list`, `watch`" + ` | always |
| the report of the [doctor in the leader](doctor.md#in-the-leader), in the controller's namespace | ` + "`get`, `update`" + ` | always |
| ConfigMap ` + "`quic-server-id-worker-tracker`" + `, which counts the processes that create QUIC server ids, in the controller's namespace | ` + "`get`, `update`" + ` | always |
| the Secret of the webhooks' certificate, in the controller's namespace | ` + "`create`; `get` and `update`" +
	` by name | if the controller issues the certificate |
| the two webhook configurations | ` + "`get`, `patch`" + ` | if the controller issues the certificate |
| ConfigMaps in all namespaces, for targets in shared target groups | ` + "`create`, `delete`, `update`" + ` | value ` +
	"`multiClusterTargetGroups`" + `, or ` + "`config/multi-cluster/rbac.yaml`" + ` |

The chart sets ` + "`multiClusterTargetGroups`" + ` itself if Helm finds a TargetGroupBinding with ` +
	"`multiClusterTargetGroup`" + `.
The roles of the chart of the AWS Load Balancer Controller v3.5 suffice, except for optional permissions and those on the webhooks' certificate.
Tests compare the permissions with all requests of the controller: the roles grant each request, and each permission has a reason.

If the API server refuses a request, the controller reports the verb, the resource and a remedy until you grant the permission.
The report is in the log, on ` + "`/readyz?verbose`" + `, in an event on the controller's pod and in ` +
	"`lbc_degraded{reason=\"rights\"}`" + ` ([running.md](operations/running.md#what-the-controller-lacks)).
Everything that does not need the permission continues. Missing permissions on Secrets are reported on the objects that name the Secrets ([running.md](operations/running.md#secrets)).

| API group | Resources | Verbs |
|---|---|---|
`

const optionalHead = `
Some permissions are optional. If an optional permission is missing, the controller logs this once:

| Without permissions on | Effect |
|---|---|
`

// clusterRights are the rules of the chart's ClusterRole, and what is lost without the optional ones.
func clusterRights() (string, error) {
	content, err := os.ReadFile("charts/aws-load-balancer-controller/files/clusterrole.yaml")
	if err != nil {
		return "", err
	}
	var rules []rbacv1.PolicyRule
	if err := yaml.Unmarshal(content, &rules); err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(rightsHead)
	code := func(names []string) string { return "`" + strings.Join(names, "`, `") + "`" }
	for _, r := range rules {
		resources := code(r.Resources)
		switch {
		case len(r.ResourceNames) == 1:
			resources += " named " + code(r.ResourceNames)
		case len(r.ResourceNames) > 0:
			resources += " of the Gateway API, of `gateway.k8s.aws` and of `aga.k8s.aws`"
		}
		group := "core"
		if r.APIGroups[0] != "" {
			group = code(r.APIGroups)
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", group, resources, code(r.Verbs))
	}
	b.WriteString(optionalHead)
	for _, resource := range slices.Sorted(maps.Keys(startup.Optional)) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", resource, startup.Optional[resource])
	}
	return b.String(), nil
}

func permissions() string {
	generated := introduction("operators and security teams who write the policy of the controller's role",
		"can grant what the controller needs in AWS and in the cluster, and nothing else")
	var b strings.Builder
	b.WriteString("# Permissions\n\n" + generated + permissionsHead)
	for _, f := range iampolicy.Features {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.Name, map[bool]string{true: "yes", false: "no"}[f.Default], f.Doc)
	}
	b.WriteString("\n## Actions\n\n| IAM action | Statement | What for |\n|---|---|---|\n")
	ops := slices.Collect(maps.Values(permission.Operations))
	slices.SortFunc(ops, func(a, b permission.Operation) int { return cmp.Compare(a.Permission, b.Permission) })
	for _, o := range ops {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", o.Permission, strings.Join(iampolicy.Statements(o.Permission), ", "),
			o.Purpose)
	}
	return b.String()
}
