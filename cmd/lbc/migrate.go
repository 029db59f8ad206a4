package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/manifest"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

const migrateHelp = `Translate Ingresses into Gateways, HTTPRoutes and their configurations, and show differences.

lbc reads Ingresses, IngressClasses, IngressClassParams and Services from files (-f, also
directories and - for standard input), from a cluster (--kubeconfig), or from both. It writes
nothing to the cluster or to AWS. It skips Ingresses of other controllers and invalid Ingresses; the
report says why.

Each Gateway has the annotation gateway.k8s.aws/dry-run, so the controller only plans it. Compare
the plan, remove the annotation, and point DNS to the new load balancer. The Ingress keeps its load
balancer until you delete it.

The manifests go to standard output, or with --output-dir into files. The report goes to standard
error, or with --report into a file. It names settings that have no equivalent in a Gateway. It also
compares the load balancers of both sides: their settings, and their answers to requests that lbc
generates from the rules. lbc builds both in a simulated account that contains the resources in the
manifests.

--from nlb-service translates Services of this controller with a network load balancer into a
Gateway of class aws-nlb, with a TCPRoute or UDPRoute for each port. The routes use the Services as
backends. The report has the command that ends the Services' own load balancers.

--from service and --from v1-ingress translate objects of other controllers:

  - Services of type LoadBalancer of the cloud provider's controller become additional Services for
    this controller, because their load balancers cannot be adopted.
  - Services that this controller serves by annotation aws-load-balancer-type get its class.
  - Ingresses of the ALB ingress controller v1, also of old API versions, become Ingresses with the
    same answers. They keep their load balancers.

lbc accepts all flags of the controller, such as --default-target-type=ip. Pass the flags of your controller.

Exit status: 0 success, also if there is no Ingress; 1 error; 2 an Ingress or Service is invalid, or
a setting has no equivalent in a Gateway; with --diff-exit, 3 requests or settings differ.`

const migrateExample = `  # Manifests to standard output, the report to standard error
  lbc migrate -f shop.yaml

  # All Ingresses of two namespaces of a cluster, into a file for each namespace
  lbc migrate --kubeconfig ~/.kube/config --namespaces shop,blog --split namespace --output-dir gateways

  # Services with network load balancers of this controller, as Gateways
  lbc migrate --from nlb-service -f services.yaml --output-dir gateways

  # Services of the cloud provider's controller
  lbc migrate --from service -f services.yaml

  # For a pipeline: the report as JSON, and a failure if anything would be answered in another way
  lbc migrate -f ingresses/ --output-dir gateways --overwrite --report report.json -o json --diff-exit`

type migrateOptions struct {
	inputs
	outputs
	namespaces []string
	from       string
	name       string // of one Ingress
	dir        string
	extension  string // yaml or json
	split      string
	report     string
	dryRun     bool
	overwrite  bool
	diffExit   bool
	read       []int // how many Ingresses, Services, IngressClasses and IngressClassParams are read
	// lenient: exit status 0 although something has no equal, as the tool lbc-migrate has it.
	lenient bool
}

func migrateCommand() *cobra.Command {
	var o migrateOptions
	cmd := &cobra.Command{
		Use: "migrate [FILE]... [--kubeconfig FILE] [--output-dir DIR]",
		Short: "Translate Ingresses and Services, also of other controllers, into Gateways, and check that " +
			"both answer alike",
		Long:    migrateHelp,
		Example: migrateExample,
		Args:    cobra.ArbitraryArgs,
		RunE:    o.withFiles(o.run),
	}
	o.inputs.flags(cmd)
	o.outputs.flags(cmd, "text", "json", "yaml")
	f := cmd.Flags()
	f.Lookup("account").Usage = "account file or recording in which both sides are compared; default: the simulator's " +
		"built-in account"
	f.Lookup("kubeconfig").Usage = "cluster from which to read Ingresses, Services and the objects that they name"
	f.Lookup("output").Usage = "form of the report: text, json or yaml"
	f.StringVar(&o.from, "from", fromIngress, "what to translate: ingress, nlb-service, service or v1-ingress")
	f.StringSliceVar(&o.namespaces, "namespaces", nil, "namespaces whose objects to translate; default: all")
	f.StringVar(&o.name, "ingress-name", "", "the only Ingress to translate; needs one --namespaces")
	f.StringVar(&o.dir, "output-dir", "", "directory for the manifests; default: standard output")
	f.StringVar(&o.extension, "output-format", "yaml", "form of the manifests: yaml or json")
	f.StringVar(&o.split, "split", "", "namespace: a file for each namespace, in a directory of its own")
	f.StringVar(&o.report, "report", "", "file for the report; default: standard error")
	f.BoolVar(&o.dryRun, "dry-run", true, "annotate Gateways with gateway.k8s.aws/dry-run, so that the controller "+
		"only plans them")
	f.BoolVar(&o.overwrite, "overwrite", false, "replace files that exist")
	f.BoolVar(&o.diffExit, "diff-exit", false, "exit with status 3 if requests or settings differ")
	_ = cmd.RegisterFlagCompletionFunc("from", cobra.FixedCompletions(slices.Sorted(maps.Keys(translations)),
		cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("output-format", cobra.FixedCompletions([]string{"yaml", "json"},
		cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("split", cobra.FixedCompletions([]string{"namespace"},
		cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.MarkFlagDirname("output-dir")
	return cmd
}

func (o *migrateOptions) check() error {
	if err := o.validate(); err != nil {
		return err
	}
	switch _, ok := translations[o.from]; {
	case !ok:
		return fmt.Errorf("--from %q: must be ingress, nlb-service, service or v1-ingress", o.from)
	case o.name != "" && (o.from == fromService || o.from == fromNLB):
		return errors.New("--ingress-name selects only Ingresses; to select Services, use --namespaces")
	case o.extension != "yaml" && o.extension != "json":
		return fmt.Errorf("--output-format %q: must be yaml or json", o.extension)
	case o.split != "" && o.split != "namespace":
		return fmt.Errorf("--split %q: must be namespace, or not be set", o.split)
	case o.split != "" && o.dir == "":
		return errors.New("--split makes several files: name their directory with --output-dir")
	case strings.Contains(o.name, ","):
		return errors.New("--ingress-name accepts a single Ingress name")
	case o.name != "" && len(o.namespaces) != 1:
		return errors.New("--ingress-name requires exactly one --namespaces value")
	}
	return nil
}

func (o *migrateOptions) selects(x metav1.Object) bool {
	return (len(o.namespaces) == 0 || slices.Contains(o.namespaces, x.GetNamespace())) &&
		(o.name == "" || x.GetName() == o.name)
}

func (o *migrateOptions) run(ctx context.Context, out, errOut io.Writer, in io.Reader) error {
	if err := o.check(); err != nil {
		return err
	}
	src, err := o.sources(ctx, errOut, in)
	if err != nil {
		return err
	}
	defer src.close()
	leftOut := src.sayBroken(errOut)
	found := 0
	how := translations[o.from]
	for _, x := range src.snapshot.List(how.kind, "") {
		if how.candidate(x) && o.selects(x) {
			found++
		}
	}
	if found == 0 {
		fmt.Fprintln(errOut, how.none)
		return nil
	}
	got := how.translate(o, objects.New(src.snapshot))
	proofs, err := prove(ctx, src.snapshot.Snapshot, got, src.inventory, &o.config)
	if err != nil {
		return err
	}
	if o.format == "text" && o.report == "" {
		fmt.Fprintf(errOut, "Found %d Ingress(es), %d Service(s), %d IngressClass(es), %d IngressClassParams\n", o.read[0],
			o.read[1], o.read[2], o.read[3])
	}
	written, err := o.write(out, got)
	if err != nil {
		return err
	}
	d := migrationDocument{Files: written, Skipped: got.Skipped, Findings: got.Findings, Comparisons: proofs,
		Known: how.known}
	if err := o.print(errOut, d, how.sides); err != nil {
		return err
	}
	switch {
	case o.lenient:
	case got.Failed() || leftOut:
		return exitInvalid
	case o.diffExit && slices.ContainsFunc(proofs, func(p proof) bool {
		return p.Unproven != "" || len(p.Differences) > 0
	}):
		return exitChanges
	}
	return nil
}

// sources reads the objects, and makes stand-ins of those that are in none of the files. The account is never that of
// the cluster.
func (o *migrateOptions) sources(ctx context.Context, errOut io.Writer, in io.Reader) (*source, error) {
	o.simulated, o.former = true, o.from == fromV1
	objs, err := o.objects(ctx, errOut, in)
	if err != nil {
		return nil, err
	}
	for _, kind := range []objects.Kind{objects.Ingress, objects.Service, objects.IngressClass,
		objects.IngressClassParams} {
		n := len(objs.snapshot.List(kind, ""))
		if !o.fromCluster() { // without the class of the chart
			n = 0
			for _, p := range objs.fromFiles {
				if k, _ := objects.KindOf(p.object); k == kind {
					n++
				}
			}
		}
		o.read = append(o.read, n)
	}
	kubeconfig := o.config.Kubeconfig
	o.config.Kubeconfig = "" // for connect, which would look for credentials of AWS
	if o.account == "" {     // the built-in account has a cluster and a VPC of its own
		o.config.ClusterName, o.config.VPC, o.config.Region = "", "", ""
	}
	err = o.connected(ctx, objs)
	o.config.Kubeconfig = kubeconfig
	if err != nil {
		return nil, err
	}
	if kubeconfig == "" {
		assumeClasses(objs)
		services := standIns(objs)
		manifest.FillIn(services)
		for _, s := range services {
			s.SetAnnotations(map[string]string{assumed: "true"})
			objs.snapshot.Put(s)
		}
	}
	for _, s := range loginSecrets(objs.snapshot.Snapshot, o.config.RequiredSecretsLabel) {
		objs.snapshot.Put(s)
	}
	return objs, nil
}

// loginSecrets are Secrets in place of those that Ingresses and Services name for logins: only their names matter, and
// the contents are not read. label is what Secrets need to be used.
func loginSecrets(s objects.Snapshot, label string) (out []metav1.Object) {
	var labels map[string]string
	if k, v, ok := strings.Cut(label, "="); ok {
		labels = map[string]string{k: v}
	}
	for _, kind := range []objects.Kind{objects.Ingress, objects.Service} {
		for _, o := range s.List(kind, "") {
			var idp struct{ SecretName string }
			if json.Unmarshal([]byte(o.GetAnnotations()[string(annotation.AuthIDPOIDC)]), &idp) != nil || idp.SecretName == "" {
				continue
			}
			out = append(out, &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Namespace: o.GetNamespace(), Name: idp.SecretName, Labels: labels},
				Data:       map[string][]byte{"clientID": []byte("stand-in"), "clientSecret": []byte("stand-in")},
			})
		}
	}
	return out
}
