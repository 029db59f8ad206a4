package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/spf13/cobra"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/controller/settings/inventoryscope"
	"github.com/k8s-lbc/lbc/internal/lbc/recording"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

const recordHelp = `Record the state of an AWS account for a cluster. lbc plan --account FILE then plans without AWS.

The recording contains the responses to the reads that plans need: the VPC, its subnets, route
tables and security groups, the certificates and web ACLs of the region, the cluster's load
balancers with their resources, and the health of their targets. With -f or --kubeconfig, it also
contains the further reads for these objects. The command only reads, with the credentials of your
environment. The file contains ARNs, names, tags and addresses, and no credentials.

The file is JSON; - writes to standard output.`

const recordExample = `  lbc record recorded.json --cluster-name prod --aws-region us-west-2 --aws-vpc-id vpc-0123456789abcdef0
  lbc plan -f shop.yaml --account recorded.json`

func recordCommand() *cobra.Command {
	i := inputs{filesOnly: true}
	cmd := &cobra.Command{
		Use:     "record FILE",
		Short:   "Record the state of AWS for a cluster, for plans without AWS",
		Long:    recordHelp,
		Example: recordExample,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("name one file to write, - for standard output: lbc record FILE")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return i.record(cmd.Context(), args[0], cmd.OutOrStdout(), cmd.ErrOrStderr(), cmd.InOrStdin())
		},
	}
	i.flags(cmd)
	_ = cmd.Flags().MarkHidden("account")
	return cmd
}

func (i *inputs) record(ctx context.Context, path string, out, errOut io.Writer, in io.Reader) error {
	if i.account != "" {
		return fmt.Errorf("--account: a file cannot be recorded; omit the flag to record the account of your credentials")
	}
	recorder := recording.NewRecorder()
	clients, err := liveClients(ctx, &i.config, recorder.Wrap)
	if err != nil {
		return err
	}
	if err := i.config.Validate(); err != nil {
		return err
	}
	scope := inventoryscope.Of(&i.config)
	scope.Now, scope.AddOnTimeout = time.Now, time.Minute
	inv := inventory.New(clients, scope)
	if err := readAll(ctx, inv, clients, settings.Compile(&i.config).OwnCertificates); err != nil {
		return err
	}
	if len(i.files) > 0 || i.fromCluster() {
		if err := i.recordPlans(ctx, clients, inv, errOut, in); err != nil {
			return err
		}
	}
	r := recording.Recording{
		Recording: recording.Format, Made: time.Now().UTC().Format(time.RFC3339), Region: i.config.Region, VPC: i.config.VPC,
		Cluster: i.config.ClusterName, Exchanges: recorder.Exchanges(),
	}
	if path == "-" {
		return r.Write(out)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = cmp.Or(r.Write(f), f.Close())
	if err == nil {
		fmt.Fprintf(errOut, "lbc: recorded %d responses of AWS in %s\n", len(r.Exchanges), path)
	}
	return err
}

// recordPlans makes the plans of the given objects, so that their reads are recorded.
func (i *inputs) recordPlans(ctx context.Context, clients awsclient.Clients, inv *inventory.Inventory, errOut io.Writer,
	in io.Reader) error {
	objects := *i
	src, err := objects.objects(ctx, errOut, in)
	if err != nil {
		return err
	}
	src.sayBroken(errOut)
	src.clients, src.inventory = clients, inv
	got, err := objects.plans(ctx, src)
	if err == nil {
		_, _, err = objects.accelerators(ctx, src, objects.concernedAccelerators(src), got.Stacks)
	}
	if err == nil {
		_, err = objects.bindings(ctx, src, objects.concernedBindings(src), got.Stacks, true)
	}
	return err
}

// readAll makes every read that a plan of the cluster may make; with ownCertificates, also those of plans that request
// certificates.
func readAll(ctx context.Context, inv *inventory.Inventory, clients awsclient.Clients, ownCertificates bool) error {
	if err := inv.Load(ctx); err != nil {
		return err
	}
	keys, err := inv.Keys(ctx)
	if err != nil {
		return err
	}
	needs := []facts.Need{{Kind: facts.NeedVPC}, {Kind: facts.NeedSubnets}, {Kind: facts.NeedRoutes},
		{Kind: facts.NeedSecurityGroups}, {Kind: facts.NeedCertificates}, {Kind: facts.NeedWebACLs}}
	if ownCertificates {
		needs = append(needs, facts.Need{Kind: facts.NeedHostedZones})
	}
	for _, k := range keys {
		needs = append(needs, facts.Need{Kind: facts.NeedStack, Key: k.String()})
		if ownCertificates {
			needs = append(needs, facts.Need{Kind: facts.NeedOwnCertificates, Key: k.String()})
		}
	}
	if _, err := inv.Answer(ctx, needs); err != nil {
		return err
	}
	for _, k := range keys {
		o, err := inv.Observed(ctx, k, managing(k, awsop.Observed{}))
		for range 3 { // the resources of one level lead to those of the next
			if err == nil {
				o, err = inv.Observed(ctx, k, managing(k, o))
			}
		}
		if err != nil {
			return err
		}
		for _, tg := range o.TargetGroups {
			if _, err := clients.ELBV2.DescribeTargetHealth(ctx, &elbv2.DescribeTargetHealthInput{
				TargetGroupArn: aws.String(tg.ARN)}); err != nil {
				return fmt.Errorf("AWS did not return the targets of target group %s: %w", tg.Name, err)
			}
		}
	}
	return nil
}

// managing is a stack that manages every setting of the observed resources, so that every setting is read.
func managing(key stack.Key, o awsop.Observed) *stack.Stack {
	some := map[string]string{"": ""}
	s := &stack.Stack{Key: key, LoadBalancers: []stack.LoadBalancer{{ID: stack.LoadBalancerIdentity}}}
	for _, lb := range o.LoadBalancers {
		s.LoadBalancers = append(s.LoadBalancers, stack.LoadBalancer{ID: lb.ID, Type: lb.Type, Scheme: lb.Scheme,
			Attributes: some, AddOns: stack.AddOns{
				WebACL: aws.String(""), Shield: aws.Bool(false), Capacity: aws.Int32(0),
			}})
	}
	for _, tg := range o.TargetGroups {
		s.TargetGroups = append(s.TargetGroups, stack.TargetGroup{ID: tg.ID, Attributes: some})
	}
	for _, l := range o.Listeners {
		s.Listeners = append(s.Listeners, stack.Listener{ID: l.ID, Port: l.Port, Attributes: some})
	}
	return s
}
