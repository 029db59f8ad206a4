package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	aga "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/accelerator/account"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/lbc/chain"
	"github.com/k8s-lbc/lbc/internal/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/declare"
)

// acceleratorNames are the names of GlobalAccelerators on the command line.
var acceleratorNames = []string{"globalaccelerator", "globalaccelerators"}

// acceleratorsOff says why a controller with these flags ignores GlobalAccelerators, and the remedy.
func acceleratorsOff(c *config.Config) (text, remedy string) {
	const noEffect, gate = ", so this object has no effect", string(config.GlobalAcceleratorController)
	if notice := c.AcceleratorNotice(); notice != "" {
		return notice + noEffect, "remove it, or make the accelerator from a cluster in another region"
	}
	return "feature gate " + gate + " is off" + noEffect,
		"start the controller with --feature-gates=" + gate + "=true, and pass the flag here"
}

// accelerators makes the plans of the accelerators that concerned selects; planned are those of the load balancers.
// Where the controller serves none, there is a note for each object instead.
func (i *inputs) accelerators(ctx context.Context, s *source, concerned func(*agav1beta1.GlobalAccelerator) bool,
	planned []offline.Result) (out []offline.Accelerator, ignored diag.List, err error) {
	v := objects.New(s.reader)
	if !i.config.ServesAccelerators() {
		text, remedy := acceleratorsOff(&i.config)
		for _, ga := range objects.List[*agav1beta1.GlobalAccelerator](v, objects.GlobalAccelerator, "") {
			if concerned(ga) {
				ignored = append(ignored, diag.New(owner.Object(ga), "", diag.IgnoredSetting, text, remedy))
			}
		}
		return nil, ignored, nil
	}
	a := account.New(s.clients, offline.AcceleratorConfig(&i.config), 0, time.Now)
	out, err = offline.AcceleratorPlanner{Account: a, Config: &i.config, Planned: planned}.Plans(ctx, v, concerned)
	return out, nil, err
}

// concernedAccelerators selects objects: with a cluster, those that the files have or whose endpoints they change, or
// those of the namespace.
func (i *inputs) concernedAccelerators(s *source) func(*agav1beta1.GlobalAccelerator) bool {
	return func(ga *agav1beta1.GlobalAccelerator) bool {
		switch {
		case len(s.fromFiles) > 0 && i.fromCluster():
			v := objects.New(s.reader)
			declare.Endpoints(v, ga)
			reads := v.Reads()
			return slices.ContainsFunc(s.fromFiles, func(p placed) bool {
				kind, _ := objects.KindOf(p.object)
				same := kind == objects.GlobalAccelerator && p.object.GetNamespace() == ga.Namespace &&
					p.object.GetName() == ga.Name
				return same || slices.ContainsFunc(reads, func(r objects.Read) bool {
					return r.Matches(objects.ChangeOf(kind, p.former, p.object))
				})
			})
		case i.limited():
			return ga.Namespace == i.namespace
		}
		return true
	}
}

// accelerator explains a GlobalAccelerator, and reports whether it is invalid.
func (o *explainOptions) accelerator(ctx context.Context, src *source, ga *agav1beta1.GlobalAccelerator) (
	out chain.AcceleratorExplanation, invalid bool, err error) {
	v := objects.New(src.reader)
	keys := map[stack.Key]bool{} // of the load balancers that do not exist yet
	for _, e := range declare.Endpoints(v, ga) {
		named := strings.Split(e.Name, "/")
		if e.State != declare.Pending || len(named) != 3 {
			continue
		}
		if x, ok := src.snapshot.Get(objects.Kind(named[0]), named[1], named[2]); ok {
			for _, k := range offline.KeysOf(v, &o.config, x) {
				keys[k] = true
			}
		}
	}
	got, err := o.planner(src).Plans(ctx, v, func(k stack.Key) bool { return keys[k] })
	if err != nil {
		return out, false, err
	}
	this := func(x *agav1beta1.GlobalAccelerator) bool { return x.Namespace == ga.Namespace && x.Name == ga.Name }
	all, ignored, err := o.accelerators(ctx, src, this, got.Stacks)
	if err != nil {
		return out, false, err
	}
	if len(all) == 0 {
		return out, false, fmt.Errorf("%s: %s", owner.Object(ga), ignored[0].Message())
	}
	x := &all[0]
	health, err := acceleratorHealth(ctx, src, x.Observed)
	if err != nil {
		return out, false, fmt.Errorf("reading the health of endpoints of %s: %w", x.Observed.Name, err)
	}
	return chain.Accelerated(chain.AcceleratorInput{
		Object: x.Object, Declared: x.Declared, Observed: x.Observed, Endpoints: x.Endpoints, Answers: x.Answers,
		Health: health, Diagnostics: x.Diagnostics,
	}), x.Diagnostics.HasErrors(), nil
}

// showAccelerator prints the explanation of a GlobalAccelerator.
func (o *explainOptions) showAccelerator(ctx context.Context, src *source, ga *agav1beta1.GlobalAccelerator,
	out io.Writer) error {
	if o.request != "" {
		return errors.New("--request: an accelerator has no rules; leave the flag out, or explain the object of an endpoint")
	}
	e, invalid, err := o.accelerator(ctx, src, ga)
	if err != nil {
		return err
	}
	if o.format != "text" {
		err = o.encode(out, acceleratorExplanationKind, e)
	} else {
		_, err = io.WriteString(out, e.Text(o.colored(out)))
	}
	if err == nil && invalid {
		return exitInvalid
	}
	return err
}

// acceleratorHealth reads the health of the endpoints that AWS has.
func acceleratorHealth(ctx context.Context, src *source, o accelerator.Observed) (
	map[chain.EndpointAt]chain.EndpointHealth, error) {
	out := map[chain.EndpointAt]chain.EndpointHealth{}
	for _, l := range o.Listeners {
		in := &aga.ListEndpointGroupsInput{ListenerArn: aws.String(l.ARN), MaxResults: aws.Int32(100)}
		for {
			page, err := src.clients.Accelerators.ListEndpointGroups(ctx, in)
			if err != nil {
				return nil, err
			}
			for _, g := range page.EndpointGroups {
				for _, d := range g.EndpointDescriptions {
					out[chain.EndpointAt{Group: aws.ToString(g.EndpointGroupArn), Endpoint: aws.ToString(d.EndpointId)}] =
						chain.EndpointHealth{
							State: string(d.HealthState), Reason: aws.ToString(d.HealthReason),
						}
				}
			}
			if in.NextToken = page.NextToken; in.NextToken == nil {
				break
			}
		}
	}
	return out, nil
}
