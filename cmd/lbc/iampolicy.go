package main

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/k8s-lbc/lbc/internal/aws/iampolicy"
	"github.com/k8s-lbc/lbc/internal/aws/permission"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/model/partition"
)

const iamPolicyHelp = `Print the IAM policy of the controller's role.

The policy allows the calls of this version of the controller, the calls that AWS makes for them,
and nothing else. It allows changes of load balancers, listeners, rules, target groups, targets,
security groups and certificates only if they have the cluster's tag, and of rules in security
groups of nodes and pods only if the group has the tag kubernetes.io/cluster/NAME.

The flags of the controller decide which features the policy contains. Pass the flags of your
controller, such as --cluster-name, --enable-shield=false or
--feature-gates=EnableCertificateManagement=true.

  --without  omits features that your objects do not use
  --with     adds features for resources without such a tag, such as foreign-target-groups
  --only     prints only the statements of a feature, such as global-accelerator, for a second
             policy, because IAM limits the size of one

With EKS Pod Identity, one policy serves many clusters: --cluster-name '${aws:PrincipalTag/eks-cluster-name}'.

--reader prints a policy that allows only reads: for people and pipelines that run lbc plan, explain
or doctor, not for the controller.

--standard prints the policy of existing installations of the AWS Load Balancer Controller, whatever
the flags. docs/install has this policy for every partition, and additions to it.
docs/permissions.md explains every action.`

const iamPolicyExample = `  lbc iam-policy --cluster-name prod --aws-vpc-id vpc-0123456789abcdef0 >policy.json
  aws iam create-policy --policy-name AWSLoadBalancerControllerIAMPolicy --policy-document file://policy.json

  lbc iam-policy --cluster-name prod --without outposts,ipam,cognito -o terraform
  lbc iam-policy --cluster-name prod --only global-accelerator >accelerators.json
  lbc iam-policy --cluster-name prod --with foreign-target-groups
  lbc iam-policy --reader >reader.json
  lbc iam-policy --standard --partition aws-cn`

type iamPolicyOptions struct {
	outputs
	config    config.Config
	partition string
	with      []string
	without   []string
	only      []string
	standard  bool
	reader    bool
}

func iamPolicyCommand() *cobra.Command {
	var o iamPolicyOptions
	cmd := &cobra.Command{
		Use:     "iam-policy",
		Short:   "Print the IAM policy of the controller's role",
		Long:    iamPolicyHelp,
		Example: iamPolicyExample,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.OutOrStdout(), cmd.ErrOrStderr()) },
	}
	controllerFlags(cmd.Flags(), &o.config, map[string]string{
		"cluster-name": "restrict the policy to resources with the tag of the cluster; default: the tag " +
			"of any cluster",
		"aws-region":         "region, for its partition",
		"aws-vpc-id":         "restrict rules of security groups to those of the VPC",
		"trust-store-bucket": "bucket for the authorities that Gateways name",
		"existing-load-balancers": "names or ARNs of existing load balancers that objects share or adopt; default: the " +
			"policy allows none",
		"bindable-target-groups": "names or ARNs of target groups without the cluster's tag that TargetGroupBindings " +
			"name; default: the policy allows none",
		"node-security-group": "security group of nodes and pods that gets rules without a tag of the cluster; " +
			"default: the policy allows none",
		"assumable-roles": "ARNs of roles that TargetGroupBindings name; default: the policy allows none",
	})
	partitions, features := make([]string, len(iampolicy.Partitions)), make([]string, len(iampolicy.Features))
	for i, p := range iampolicy.Partitions {
		partitions[i] = p.Name
	}
	for i, f := range iampolicy.Features {
		features[i] = string(f.Name)
	}
	f := cmd.Flags()
	f.StringVar(&o.partition, "partition", "", list(partitions)+"; default: that of --aws-region, else aws")
	f.StringSliceVar(&o.with, "with", nil, "features to add, for all resources that no flag names: "+list(features))
	f.StringSliceVar(&o.without, "without", nil, "features to leave out: "+list(features))
	f.StringSliceVar(&o.only, "only", nil, "print only the statements that these features need, for a second policy, "+
		"because IAM limits the size of one: "+list(features))
	f.BoolVar(&o.standard, "standard", false, "print the policy of existing installations instead")
	f.BoolVar(&o.reader, "reader", false, "print a policy that only reads, for lbc plan, explain and doctor")
	o.flags(cmd, "json", "terraform", "cloudformation")
	o.format = "json"
	f.Lookup("output").DefValue = "json"
	_ = f.MarkHidden("color")
	_ = cmd.RegisterFlagCompletionFunc("partition", cobra.FixedCompletions(partitions, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("only", cobra.FixedCompletions(features, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("with", cobra.FixedCompletions(features, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("without", cobra.FixedCompletions(features, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (o *iamPolicyOptions) run(out, errOut io.Writer) error {
	if err := o.validate(); err != nil {
		return err
	}
	d, err := o.document()
	if o.reader && errors.Is(err, iampolicy.ErrTooLong) {
		err = nil // what only reads is short
	}
	if err != nil {
		return err
	}
	if o.reader {
		d = iampolicy.Reader(d, permission.Actions())
	}
	var text string
	switch o.format {
	case "terraform":
		text = d.Terraform()
	case "cloudformation":
		text, err = d.CloudFormation()
	default:
		text, err = d.JSON()
	}
	if err != nil {
		return err
	}
	if _, err = io.WriteString(out, text); err == nil && o.config.ServesAccelerators() && len(o.only) == 0 {
		_, err = fmt.Fprintf(errOut, "lbc: accelerators need a second policy: lbc iam-policy --only %s\n",
			iampolicy.GlobalAccelerator)
	}
	return err
}

// allNeeded is the policy that the controller's role needs, in however many policies: what accelerators need stands in
// one of its own.
func allNeeded(c config.Config) (iampolicy.Document, error) {
	d, err := (&iamPolicyOptions{config: c}).needed()
	if err != nil || !c.ServesAccelerators() {
		return d, err
	}
	accelerators, err := (&iamPolicyOptions{config: c, only: []string{string(iampolicy.GlobalAccelerator)}}).needed()
	d.Statement = append(d.Statement, accelerators.Statement...)
	return d, err
}

// needed is the document, of whatever length.
func (o *iamPolicyOptions) needed() (iampolicy.Document, error) {
	d, err := o.document()
	if errors.Is(err, iampolicy.ErrTooLong) {
		err = nil
	}
	return d, err
}

func (o *iamPolicyOptions) document() (iampolicy.Document, error) {
	c := &o.config
	if o.partition == "" {
		o.partition = partition.Of(c.Region)
	}
	if err := o.validateFeatures(); err != nil {
		return iampolicy.Document{}, err
	}
	if o.standard {
		if !slices.ContainsFunc(iampolicy.Partitions, func(p iampolicy.Partition) bool { return p.Name == o.partition }) {
			return iampolicy.Document{},
				fmt.Errorf("--partition %q: there is no such partition; lbc iam-policy --help lists them", o.partition)
		}
		return iampolicy.Standard(o.partition), nil
	}
	used := o.used()
	options := iampolicy.Options{Partition: o.partition, Cluster: c.ClusterName, VPC: c.VPC, Features: used,
		Apart: len(o.only) > 0}
	if slices.Contains(used, iampolicy.TrustStoreUploads) {
		options.Bucket, options.Prefix = c.TrustStores.Bucket, c.TrustStores.Prefix
	}
	if slices.Contains(used, iampolicy.AssumedRoles) {
		options.Roles = c.Roles().Patterns()
	}
	if slices.Contains(used, iampolicy.ExistingBalancers) {
		options.Existing = c.LoadBalancersOfOthers().Patterns()
	}
	if slices.Contains(used, iampolicy.ForeignTargetGroups) {
		options.TargetGroups = c.AllowedTargetGroups(c.BindableTargetGroups).Patterns()
	}
	if slices.Contains(used, iampolicy.ForeignSecurityGroups) && c.NodeSecurityGroup != "" {
		options.SecurityGroups = []string{c.NodeSecurityGroup}
	}
	return iampolicy.Minimal(permission.Actions(), options)
}

// validateFeatures refuses features that do not exist, and flags that exclude each other.
func (o *iamPolicyOptions) validateFeatures() error {
	for flag, names := range map[string][]string{"with": o.with, "without": o.without, "only": o.only} {
		for _, name := range names {
			ended := flag == "without" && name == "waf-classic" // AWS ended it; commands that leave it out still work
			if !ended && !slices.ContainsFunc(iampolicy.Features, func(i iampolicy.Info) bool {
				return string(i.Name) == name
			}) {
				return fmt.Errorf("--%s %q: there is no such feature; lbc iam-policy --help lists them", flag, name)
			}
			if flag == "with" && slices.Contains(o.without, name) {
				return fmt.Errorf("--with and --without name feature %s: leave it out of one of them", name)
			}
		}
	}
	switch {
	case o.standard && o.reader:
		return errors.New("--standard takes no --reader: leave one of them out")
	case o.standard && len(o.without)+len(o.only) > 0:
		return errors.New("--standard takes neither --without nor --only: leave one of them out")
	case o.standard && len(o.with) > 0:
		return errors.New("--standard takes no --with: leave one of them out")
	case len(o.only) > 0 && len(o.without) > 0:
		return errors.New("--only takes no --without: leave one of them out")
	case len(o.only) > 0 && len(o.with) > 0:
		return errors.New("--only takes no --with: leave one of them out")
	}
	return nil
}

// used are the features of the policy.
func (o *iamPolicyOptions) used() (out []iampolicy.Feature) {
	if len(o.only) > 0 {
		for _, name := range o.only {
			out = append(out, iampolicy.Feature(name))
		}
		return out
	}
	of := features(&o.config)
	for _, i := range iampolicy.Features {
		name := string(i.Name)
		if !slices.Contains(o.without, name) && (slices.Contains(of, i.Name) || slices.Contains(o.with, name)) {
			out = append(out, i.Name)
		}
	}
	return out
}

// features are those that a controller with a configuration may use.
func features(c *config.Config) (out []iampolicy.Feature) {
	off := map[iampolicy.Feature]bool{
		iampolicy.AssumedRoles:          len(c.Roles().Patterns()) == 0,
		iampolicy.Capacity:              !c.Gates.Enabled(config.LBCapacityReservation),
		iampolicy.CertificateRequests:   !c.Gates.Enabled(config.EnableCertificateManagement),
		iampolicy.ExistingBalancers:     len(c.LoadBalancersOfOthers().Patterns()) == 0,
		iampolicy.ForeignSecurityGroups: c.NodeSecurityGroup == "",
		iampolicy.ForeignTargetGroups:   len(c.AllowedTargetGroups(c.BindableTargetGroups).Patterns()) == 0,
		iampolicy.UntaggedListeners:     c.Gates.Enabled(config.ListenerRulesTagging),
		iampolicy.GlobalAccelerator:     true, // in a policy of its own: IAM takes less in one
		iampolicy.SecretImport:          !c.ImportsCertificates(),
		iampolicy.Shield:                !c.EnableShield,
		iampolicy.TaggingAPI:            !c.Gates.Enabled(config.EnableRGTAPI),
		iampolicy.TrustStoreUploads:     c.TrustStores.Bucket == "",
		iampolicy.WAFv2:                 !c.EnableWAFv2,
	}
	for _, f := range iampolicy.Features {
		if !off[f.Name] {
			out = append(out, f.Name)
		}
	}
	return out
}
