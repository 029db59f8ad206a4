package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/seed"
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/config"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/inventory"
	"github.com/k8s-lbc/lbc/internal/offline"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/world"
)

const planHelp = `Show what the controller would create (+), change (~), replace (±) and delete (-) in AWS, and why.

Objects come from files (-f, also directories and - for standard input), from a cluster (--kubeconfig), or from both: then the
files count over what the cluster has, and only the load balancers that they concern are planned.

What AWS holds comes from an account file (--account, in the form that awssim reads; without it the simulator's own account
is used), or with --kubeconfig from the account that your AWS credentials give (AWS_ENDPOINT_URL points it elsewhere).

Without a cluster, IngressClass alb exists as the chart installs it, and namespaces are taken to exist. Target groups' names
contain the UIDs and node ports of Services, which a cluster has yet to give: expect other ones than the plan shows.

Every flag of the controller is accepted too, so that a plan can be made for the way yours is started, such as
--default-target-type=ip or --strict-groups.

Exit status: 0 planned; 1 something failed; 2 an object is invalid, and its diagnostics are in the output.`

const planExample = `  lbc plan -f shop.yaml
  lbc plan -f shop.yaml --account account.yaml -o json
  lbc plan -f shop.yaml --kubeconfig ~/.kube/config --cluster-name prod`

type planOptions struct {
	files     []string
	account   string
	output    string
	color     string
	namespace string
}

func planCommand() *cobra.Command {
	var o planOptions
	c := &config.Config{}
	cmd := &cobra.Command{
		Use:     "plan [-f FILE]... [--account FILE | --kubeconfig FILE]",
		Short:   "Show what would be created, changed and deleted in AWS, and why",
		Long:    planHelp,
		Example: planExample,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), c, cmd.OutOrStdout(), cmd.ErrOrStderr(), cmd.InOrStdin())
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.files, "filename", "f", nil, "file or directory with manifests, - for standard input; may be repeated")
	f.StringVar(&o.account, "account", "", "account file; default: the simulator's built-in account")
	f.StringVarP(&o.output, "output", "o", "text", "text or json")
	f.StringVar(&o.color, "color", "auto", "auto, always or never")
	f.StringVarP(&o.namespace, "namespace", "n", "default", "namespace of objects that name none")
	// Of the controller's flags, those that every plan needs are shown, in the words of this command.
	shown := map[string]string{
		"kubeconfig":   "cluster to read objects from; its AWS account is that of your credentials",
		"cluster-name": "name of the cluster; default: that of the account file",
		"aws-region":   "region of the account; default: that of your environment",
		"aws-vpc-id":   "VPC of the cluster; default: that of the account file",
	}
	config.FlagSet(c).VisitAll(func(x *pflag.Flag) {
		usage, ok := shown[x.Name]
		x.Hidden = !ok
		if ok {
			x.Usage = usage
		}
		f.AddFlag(x)
	})
	cmd.MarkFlagsMutuallyExclusive("account", "kubeconfig")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("color", cobra.FixedCompletions([]string{"auto", "always", "never"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (o *planOptions) run(ctx context.Context, c *config.Config, out, errOut io.Writer, in io.Reader) error {
	if !slices.Contains([]string{"text", "json"}, o.output) {
		return fmt.Errorf("--output %q: must be text or json", o.output)
	}
	if !slices.Contains([]string{"auto", "always", "never"}, o.color) {
		return fmt.Errorf("--color %q: must be auto, always or never", o.color)
	}
	if len(o.files) == 0 && c.Kubeconfig == "" {
		return fmt.Errorf("nothing to plan: give manifests with -f, or a cluster with --kubeconfig")
	}
	objects, err := o.read(errOut, in)
	if err != nil {
		return err
	}
	src, err := o.source(ctx, c)
	if err != nil {
		return err
	}
	defer src.close()
	if err := c.Validate(); err != nil {
		return err
	}
	snapshot := src.objects
	if c.Kubeconfig == "" {
		world.FillIn(objects)
		snapshot.Put(chartClass())
	}
	for _, x := range objects {
		snapshot.Put(x)
	}
	v := world.New(src.reader(snapshot))
	only := func(stack.Key) bool { return true }
	if len(objects) > 0 && c.Kubeconfig != "" {
		only = concerning(v, c, objects)
	}
	if c.Kubeconfig == "" && o.account == "" && o.output == "text" {
		fmt.Fprintf(errOut, "lbc: planned in the simulator's own account (%s, cluster %s); --account or --kubeconfig choose another one\n\n", c.Region, c.ClusterName) //nolint:errcheck // a hint
	}
	inv := inventory.New(src.clients, inventory.Config{Cluster: c.ClusterName, VPC: c.VPC, Now: time.Now, Patience: time.Minute})
	results, broken, err := offline.Plans(ctx, v, only, inv, c, src.bindings)
	if err != nil {
		return err
	}
	if err := o.print(out, results, broken); err != nil {
		return err
	}
	if len(broken) > 0 || slices.ContainsFunc(results, func(r offline.Result) bool { return r.Diagnostics.HasErrors() }) {
		return exitCode(2)
	}
	return nil
}

// chartClass is the IngressClass that the chart installs; a file may bring its own of that name.
func chartClass() *networkingv1.IngressClass {
	return &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"}, Spec: networkingv1.IngressClassSpec{Controller: ingress.Controller}}
}

// concerning admits the stacks that objects from files belong to.
func concerning(v *world.View, c *config.Config, objects []metav1.Object) func(stack.Key) bool {
	want := map[stack.Key]bool{}
	for _, x := range objects {
		for _, k := range offline.KeysOf(v, c, x) {
			want[k] = true
		}
	}
	return func(k stack.Key) bool { return want[k] }
}

func (o *planOptions) read(errOut io.Writer, in io.Reader) ([]metav1.Object, error) {
	var all []metav1.Object
	for _, name := range o.files {
		paths := []string{name}
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			paths = nil
			for _, pattern := range []string{"*.yaml", "*.yml", "*.json"} {
				found, err := filepath.Glob(filepath.Join(name, pattern))
				if err != nil {
					return nil, err
				}
				paths = append(paths, found...)
			}
			slices.Sort(paths)
		}
		for _, p := range paths {
			objects, err := o.readOne(p, errOut, in)
			if err != nil {
				return nil, err
			}
			all = append(all, objects...)
		}
	}
	return all, nil
}

func (o *planOptions) readOne(path string, errOut io.Writer, in io.Reader) ([]metav1.Object, error) {
	var content []byte
	var err error
	if path == "-" {
		content, err = io.ReadAll(in)
	} else {
		content, err = os.ReadFile(path) //nolint:gosec // the user names the file
	}
	if err != nil {
		return nil, err
	}
	objects, skipped, err := world.Decode(content, o.namespace)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(objects) == 0 && len(skipped) > 0 {
		fmt.Fprintf(errOut, "lbc: %s has nothing that a load balancer depends on (%s)\n", path, strings.Join(skipped, ", ")) //nolint:errcheck // a hint
	}
	return objects, nil
}

// source is where objects and AWS's answers come from.
type source struct {
	objects  world.Snapshot
	reader   func(world.Snapshot) world.Reader // what objects do not hold
	clients  cloud.Clients
	bindings func(stack.Key) []plan.Binding
	close    func()
}

func (o *planOptions) source(ctx context.Context, c *config.Config) (source, error) {
	if c.Kubeconfig != "" {
		return liveSource(ctx, c)
	}
	file := seed.Default()
	if o.account != "" {
		f, err := os.Open(o.account)
		if err != nil {
			return source{}, fmt.Errorf("--account: %w", err)
		}
		defer f.Close() //nolint:errcheck // only read
		if file, err = seed.Load(f); err != nil {
			return source{}, fmt.Errorf("--account: %s: %w", o.account, err)
		}
	}
	sim, err := awssim.New(awssim.Options{Seed: &file})
	if err != nil {
		return source{}, fmt.Errorf("simulating the account: %w", err)
	}
	if c.ClusterName == "" {
		c.ClusterName = file.Cluster.Name
	}
	if c.VPC == "" {
		c.VPC = file.VPC.ID
	}
	c.Region = file.Region
	return source{
		objects: world.Snapshot{},
		clients: cloud.Clients{ELBV2: sim.Balancing, EC2: sim.Compute, ACM: sim.Trust, STS: sim.Identity,
			WAFv2: sim.Firewall, WAFRegional: sim.Classic, Shield: sim.Shield},
		reader:   func(s world.Snapshot) world.Reader { return s },
		bindings: func(stack.Key) []plan.Binding { return nil },
		close:    func() { _ = sim.Close() },
	}, nil
}

func (o *planOptions) print(out io.Writer, results []offline.Result, broken diag.List) error {
	if o.output == "json" {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(struct {
			Stacks      []offline.Result `json:"stacks"`
			Diagnostics diag.List        `json:"diagnostics,omitempty"`
		}{results, broken})
	}
	var b strings.Builder
	color := o.color == "always" || o.color == "auto" && isTerminal(out)
	for _, r := range results {
		if r.Unbuildable {
			fmt.Fprintf(&b, "%s: cannot be built as it is; nothing would be touched\n", r.Key)
		} else {
			b.WriteString(r.Plan.Text(plan.TextOptions{Color: color}))
		}
		for _, d := range r.Diagnostics {
			fmt.Fprintf(&b, "  %s %s: %s\n", mark(d), d.Object, d.Message())
		}
		b.WriteString("\n")
	}
	for _, d := range broken {
		fmt.Fprintf(&b, "%s %s: %s\n", mark(d), d.Object, d.Message())
	}
	if len(results)+len(broken) == 0 {
		b.WriteString("no object asks for a load balancer: Ingresses need class alb (or annotation kubernetes.io/ingress.class: alb), " +
			"Services spec.loadBalancerClass: service.k8s.aws/nlb\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func mark(d diag.Diagnostic) string {
	if d.Class == diag.Note {
		return "note:"
	}
	return "error:"
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
