// Command gendocs writes the reference pages that come from tables of the program: annotations, configurations of Gateways, GlobalAccelerators, findings, flags,
// metrics, permissions; the IAM policies of docs/install; and the budgets of calls and the checks of lbc doctor into pages that people write.
// It writes into docs/ below the working directory.
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

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/iampolicy"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/controller/startup"
	"github.com/k8s-lbc/lbc/internal/front/gateway/reference"
	"github.com/k8s-lbc/lbc/internal/lbc/impact"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/view/doctor"
)

func main() {
	gateways, err := configurations()
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
	for name, text := range map[string]string{
		"annotations.md":                  annotations(),
		"gateway-reference.md":            gateways,
		"findings.md":                     findings(),
		"global-accelerator-reference.md": globalAccelerators,
		"flags.md":                        flags(),
		"reference.md":                    kinds,
		"metrics.md":                      metrics.Page(),
		"permissions.md":                  actions + rights,
	} {
		if err := os.WriteFile(filepath.Join("docs", name), []byte(text), 0o644); err != nil { //nolint:gosec // documentation
			fail(err)
		}
	}
	if err := section("doctor.md", "checks", doctor.Page()); err != nil {
		fail(err)
	}
	if err := section("tasks/going-back.md", "additions", additions()); err != nil {
		fail(err)
	}
	if err := section("support.md", "kubernetes", supported()); err != nil {
		fail(err)
	}
	table, err := partitions()
	if err == nil {
		err = section("tasks/install-others.md", "partitions", table)
	}
	if err != nil {
		fail(err)
	}
	if err := section("operations/reconciling.md", "budgets", budgets()); err != nil {
		fail(err)
	}
	if err := errors.Join(section("lbc.md", "units", impact.UnitsTable()), section("lbc.md", "exposure", impact.KindsTable())); err != nil {
		fail(err)
	}
	if err := errors.Join(policies(), chartReadme()); err != nil {
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
		if err := os.WriteFile(filepath.Join("docs", "install", name), []byte(text), 0o644); err != nil { //nolint:gosec // documentation
			return err
		}
	}
	return nil
}

// configurations is the page about the kinds of gateway.k8s.aws, made of config/crd.
func configurations() (string, error) {
	var definitions [][]byte
	for _, name := range reference.Kinds {
		d, err := os.ReadFile(filepath.Join("config", "crd", name)) //nolint:gosec // ours
		if err != nil {
			return "", err
		}
		definitions = append(definitions, d)
	}
	return reference.Page(definitions)
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
	return os.WriteFile(path, []byte(before+"<!-- generated: "+name+mark+"-->\n\n"+text+"\n<!-- end of "+name+after), 0o644) //nolint:gosec // documentation
}

const generated = "This page is generated; `make generate` writes it.\n\n"

// introduction begins a generated page: for whom it is, and what one can do afterwards.
func introduction(reader, afterwards string) string {
	return "For " + reader + ".\nAfterwards you " + afterwards + ".\n\n" + generated
}

func findings() string {
	generated := introduction("users and operators who see a code in brackets in an event or a condition",
		"know what the code means, and whether the controller tries again by itself")
	var b strings.Builder
	b.WriteString("# Findings\n\n" + generated + "Every finding ends with its code in brackets. The event that carries it has the reason of the table, but\n" +
		"what AWS refuses when it is written to has FailedDeployModel whatever its code, and what fails before has FailedBuildModel; its text says what is\n" +
		"wrong, in which field, and what to do. Findings of class *note* do not stop anything; *invalid* ones wait for an edit; the\n" +
		"others are tried again by themselves.\n\n| Code | Event reason | Class | Meaning |\n|---|---|---|---|\n")
	codes := diag.Codes()
	slices.Sort(codes)
	for _, c := range codes {
		i, _ := diag.Lookup(c)
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", c, i.Reason, i.Class, i.Doc)
	}
	return b.String()
}

func flags() string {
	generated := introduction("operators who configure the controller", "know the name, the default and the meaning of each flag and feature gate")
	var b strings.Builder
	b.WriteString("# Flags\n\n" + generated + "Flags of the controller, with the names and defaults of the AWS Load Balancer Controller; `--existing-features-only`, `--strict-groups`, `--deletion-brake`, `--delete-orphans-after`, `--object-labels`, `--copied-labels`, `--assumable-roles`, `--existing-load-balancers`, `--bindable-target-groups`, `--binding-networking`, `--external-target-groups`, `--cross-namespace-target-groups`, `--endpoints-without-pods`, `--node-security-group`, `--max-rules-per-security-group`, `--deregistration-brake`, `--open-readiness-gates-after`, `--exclude-ip-targets-by-node-label`, `--enable-node-drain-condition`, `--drift-check-interval`, `--drift-policy`, `--replacement-policy`, `--publish-address`, `--enable-checkpoints`, `--enable-tls-secret-import`, `--webhook-bind-host`,\n`--pprof-bind-addr`, `--metrics-secure`, `--metrics-cert-dir`, `--console-bind-addr`, `--otlp-traces-endpoint`, `--otlp-traces-sampling-ratio`, `--version`, `--webhook-cert-secret`, `--webhook-cert-lifetime` and `--webhook-configurations` are ours.\n\n" +
		"| Flag | Default | Meaning |\n|---|---|---|\n")
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
		fmt.Fprintf(&b, "| `--%s` | %s | %s |\n", f.Name, strings.Trim(def, "[]"), f.Usage)
	})
	b.WriteString("\n## Feature gates\n\n`--feature-gates=Name=bool,Name=bool`\n\n| Gate | Default | Meaning |\n|---|---|---|\n")
	for _, g := range config.GateDocs() {
		fmt.Fprintf(&b, "| `%s` | %t | %s |\n", g.Name, g.Default, g.Doc)
	}
	return b.String()
}

const permissionsHead = `Every AWS call that the controller can make, and the IAM action that allows it. A call that is denied is reported on the object
that needs it, with the name of the action and the statement of the policy that ` + "`lbc iam-policy`" + ` prints; what does not need it goes on. Once it is allowed,
what waited is done, without a restart.

## Policies

| Policy | For |
|---|---|
| [iam_policy.json](install/iam_policy.json), and of other partitions [_cn](install/iam_policy_cn.json), [_us-gov](install/iam_policy_us-gov.json), [_eusc](install/iam_policy_eusc.json), [_iso](install/iam_policy_iso.json), [_isob](install/iam_policy_isob.json), [_isoe](install/iam_policy_isoe.json), [_isof](install/iam_policy_isof.json) | the standard policy, as installations of the AWS Load Balancer Controller have it. It suffices, except for web ACLs by name (` + "`wafv2:ListWebACLs`" + `), certificates from Secrets or on request, trust stores of Gateways, and limits of the account above AWS's defaults |
| [iam_policy_certificates.json](install/iam_policy_certificates.json) | besides, certificates that the controller requests (gate ` + "`EnableCertificateManagement`" + `) |
| [iam_policy_globalaccelerator.json](install/iam_policy_globalaccelerator.json) | besides, [GlobalAccelerators](tasks/global-accelerator.md) (gate ` + "`GlobalAcceleratorController`" + `) |
| [iam_policy_v1_to_v2_additional.json](install/iam_policy_v1_to_v2_additional.json) | besides, load balancers that version 1 of the existing controller left |
| [iam_policy_targetgroupbindings.json](install/iam_policy_targetgroupbindings.json) | instead, TargetGroupBindings to target groups of yours only, without rules of security groups. Nothing is reported as missing: once after each start the controller asks for what is left of load balancers, and takes the refusal as an answer |
| ` + "`lbc iam-policy --cluster-name NAME`" + ` | instead, the smallest policy: the actions below, and writes as far as [the next section](#what-the-smallest-policy-restricts) says. ` + "`-o terraform`" + ` and ` + "`-o cloudformation`" + ` print it for these tools |

## What the smallest policy restricts

IAM allows a write only if the resource has the tag that the table names. ` + "`NAME`" + ` is the value of ` + "`--cluster-name`" + `.

| The controller writes to | Condition | More only with feature |
|---|---|---|
| load balancers, target groups and trust stores: changes, deletion, new listeners | tag ` + "`elbv2.k8s.aws/cluster: NAME`" + ` of the resource | ` + "`existing-load-balancers`" + `: load balancers that have no tag of a cluster |
| listeners and rules: changes, deletion, priorities, certificates; new rules of a listener | the same tag of the listener or rule | ` + "`existing-load-balancers`, `untagged-listeners`" + `: those that have no tag of a cluster |
| targets | the same tag of the target group | ` + "`foreign-target-groups`" + `: any target group |
| rules of the security groups of load balancers, and deletion of these groups | the same tag of the group | |
| rules of the security groups of nodes and pods | tag ` + "`kubernetes.io/cluster/NAME`" + ` of the group, as EKS gives it | ` + "`foreign-security-groups`" + `: any group of the VPC |
| certificates that the controller requests or imports | tag ` + "`elbv2.k8s.aws/cluster: NAME`" + ` of the certificate | |
| accelerators | the same tag of the accelerator | |
| anything that is created | the request gives the same tag | |
| tags | the resource has the same tag already, and the request does not give it; or the call creates the resource | ` + "`existing-load-balancers`, `untagged-listeners`" + `: the tag is given to what has no tag of a cluster |
| records in Route 53 that prove who owns a name | type CNAME, in any zone | |
| objects in S3 for trust stores | the bucket and the prefix of the cluster | |

What belongs to another cluster is refused with every feature, except targets in its target groups and rules of its security groups.

The smallest policy does not restrict:

- reads: the policy allows them on all resources, as AWS does not check tags there.
- web ACLs and Shield Advanced (statement AddOns): the controller attaches web ACLs and protections, which have no tag of the cluster, and AWS does not check the tags of the load balancer.
- which certificates get the tag of the cluster (statement TagCreatedCertificates): ACM has no condition by which a new certificate differs from one without a tag of a cluster.
- which accelerators get it while they are created (statement TagCreatedAccelerators): Global Accelerator has no such condition either.
- what a rule forwards to: IAM checks the listener, and not the target groups ([security-model.md](security-model.md) says what the controller checks).

Without ` + "`--cluster-name`" + `, the tag of any cluster counts. Then, and with a variable of IAM as the name, security groups of nodes need the tag ` + "`aws:eks:cluster-name`" + `,
which only EKS gives: keys of conditions take no wildcards and no variables.

Before you attach the smallest policy to an installation that exists, look whether

- the gate ` + "`ListenerRulesTagging`" + ` was ever off: the controller could not change listeners and rules without tags. Add feature ` + "`untagged-listeners`" + ` until they have tags;
- TargetGroupBindings name target groups of your own: add ` + "`foreign-target-groups`" + `, or set ` + "`--bindable-target-groups`" + ` to their names;
- a security group of nodes or pods lacks the tag ` + "`kubernetes.io/cluster/NAME`" + `: tag it, or add ` + "`foreign-security-groups`" + `.

A call that is refused leaves AWS as it is, and an event names the statement and the feature. The published policies above have none of these conditions, as the policies of existing installations have none.

## Features

` + "`lbc iam-policy`" + ` takes the flags of the controller into account. ` + "`--without outposts,ipam`" + ` leaves features out by name, and ` + "`--with foreign-target-groups`" + ` adds one.
` + "`--only global-accelerator`" + ` prints what only a feature needs, for a policy beside another one. IAM takes 6,144 characters in one policy: with many features, print some of them apart.

| Feature | Default | What for |
|---|---|---|
`

const rightsHead = `
## Rights in the cluster

The ClusterRole of the chart, and of ` + "`config/rbac`" + `, has the rights below. If the controller issues the certificate of its webhooks, it has those on their two
configurations (` + "`get`, `patch`" + `), too. A Role in the controller's namespace has those on the Lease, on the ConfigMaps of checkpoints, on the
ConfigMap with the [holds](operations/hold.md#hold) (` + "`list`, `watch`" + `), on the report of the [doctor in the leader](doctor.md#in-the-leader) (` + "`get`, `update`" + `) and on the Secret of that certificate (` + "`create`" + `; ` + "`get` and `update`" + ` by name). With value ` + "`multiClusterTargetGroups`" + `, or ` + "`config/multi-cluster/rbac.yaml`" + `, the controller may write ConfigMaps in all namespaces, where it notes
its targets in target groups that clusters share. The chart sets the value itself where Helm finds a TargetGroupBinding with ` + "`multiClusterTargetGroup`" + `. Tests compare the rights with all requests of a controller's life: each right is needed by one, or has a reason to be granted all the
same, and each request is granted. The roles of the existing chart suffice, but for what is optional and that certificate.

A request that the API server refuses for want of a right is reported with verb, resource and remedy: in the log, on ` + "`/readyz?verbose`" + `, as an event on the controller's pod
and by ` + "`lbc_degraded{reason=\"rights\"}`" + ` ([running.md](operations/running.md#what-the-controller-lacks)), until the right is granted; what does not need it goes on. Rights on
Secrets are reported on the objects that name them ([running.md](operations/running.md#secrets)).

| API group | Resources | Verbs |
|---|---|---|
`

const optionalHead = `
Some rights are optional; that they are missing is logged once:

| Without rights on | Lost is |
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
	ops := slices.Collect(maps.Values(awsclient.Operations))
	slices.SortFunc(ops, func(a, b awsclient.Operation) int { return cmp.Compare(a.Permission, b.Permission) })
	for _, o := range ops {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", o.Permission, strings.Join(iampolicy.Statements(o.Permission), ", "), o.Purpose)
	}
	return b.String()
}
