package controller

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/inventory"
	"github.com/k8s-lbc/lbc/internal/kube"
	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/secgroup"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/status"
	"github.com/k8s-lbc/lbc/internal/targets"
)

// targetBindings registers the endpoints of bindings: the fast lane, which never waits for load balancer work.
type targetBindings struct {
	client     client.Client
	elbv2      cloud.ELBV2
	inventory  *inventory.Inventory
	interfaces *inventory.Interfaces
	registry   *targets.Registry
	keeper     *secgroup.Keeper
	chooser    secgroup.Chooser
	reporter   *status.Reporter
	metrics    *metrics
	health     *healthWatch
	waker      waker[reconcile.Request]
	failOpen   bool
	max        int
	requeue    time.Duration
	claims     *claimMaps
	gone       func(arn string) bool // the target group was deleted by this process
	left       func()                // a binding is gone, and its rules with it
}

// Reconcile makes one pass over a binding.
func (b *targetBindings) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	b.metrics.passed(bindingControllerLabel, req.Namespace, req.Name)
	defer b.metrics.spentIn(bindingControllerLabel, stageBindingReconcile)()
	o := &v1beta1.TargetGroupBinding{}
	if err := b.client.Get(ctx, req.NamespacedName, o); err != nil {
		if apierrors.IsNotFound(err) {
			b.forget(req.NamespacedName)
			b.left()
			return reconcile.Result{}, nil
		}
		return reconcile.Result{}, err
	}
	if o.DeletionTimestamp != nil {
		return reconcile.Result{}, b.cleanUp(ctx, o)
	}
	if err := patchFinalizer(ctx, b.client, o, func(o client.Object) bool { return controllerutil.AddFinalizer(o, naming.BindingFinalizer) }); err != nil {
		return reconcile.Result{}, fmt.Errorf("adding finalizer: %w", err)
	}
	if changed, d := b.complete(ctx, o); d != nil || changed {
		if d != nil {
			b.reporter.Report(unitOf(o), nil, diag.List{*d}, false)
			return b.later(*d)
		}
		return reconcile.Result{}, nil // our own edit brings us back
	}
	return b.serve(ctx, o)
}

func bindingObject(o *v1beta1.TargetGroupBinding) diag.Object {
	return diag.Object{Kind: "TargetGroupBinding", Namespace: o.Namespace, Name: o.Name, UID: string(o.UID)}
}

func unitOf(o *v1beta1.TargetGroupBinding) string {
	return "binding:" + o.Namespace + "/" + o.Name
}

// later retries what may get right by itself; what only an edit cures waits for the edit.
func (b *targetBindings) later(d diag.Diagnostic) (reconcile.Result, error) {
	if d.Class == diag.Invalid {
		return reconcile.Result{}, nil
	}
	return reconcile.Result{RequeueAfter: b.requeue}, nil
}

// complete fills in what the user left to the target group, once: its ARN, type, protocol, address type and VPC.
func (b *targetBindings) complete(ctx context.Context, o *v1beta1.TargetGroupBinding) (changed bool, d *diag.Diagnostic) {
	s := &o.Spec
	if d := contradiction(o); d != nil {
		return false, d
	}
	if s.TargetGroupARN != "" && s.TargetType != nil && s.TargetGroupProtocol != nil && s.IPAddressType != nil && s.VpcID != "" {
		return false, nil
	}
	tg, d := b.describe(ctx, o)
	if d != nil {
		return false, d
	}
	before := o.DeepCopy()
	if s.TargetGroupARN == "" {
		s.TargetGroupARN = aws.ToString(tg.TargetGroupArn)
	}
	if s.TargetType == nil {
		s.TargetType = kube.Pointer[v1beta1.TargetType](string(tg.TargetType))
	}
	if s.TargetGroupProtocol == nil {
		s.TargetGroupProtocol = kube.Pointer[v1beta1.Protocol](string(tg.Protocol))
	}
	if s.IPAddressType == nil {
		family := string(tg.IpAddressType)
		if family == "" {
			family = stack.IPv4
		}
		s.IPAddressType = kube.Pointer[v1beta1.IPAddressType](family)
	}
	if s.VpcID == "" {
		s.VpcID = aws.ToString(tg.VpcId)
	}
	if err := b.client.Patch(ctx, o, client.MergeFrom(before)); err != nil {
		x := diag.New(bindingObject(o), "spec", diag.AWSUnavailable, "failed to complete the binding from its target group: "+err.Error(), "")
		return false, &x
	}
	return true, nil
}

// contradiction finds what no target group could satisfy.
func contradiction(o *v1beta1.TargetGroupBinding) *diag.Diagnostic {
	s := &o.Spec
	bad := func(path, text, remedy string) *diag.Diagnostic {
		d := diag.New(bindingObject(o), path, diag.InvalidBinding, text, remedy)
		return &d
	}
	isIP := s.TargetType != nil && *s.TargetType == v1beta1.TargetTypeIP
	isInstance := s.TargetType != nil && *s.TargetType == v1beta1.TargetTypeInstance
	switch {
	case s.TargetGroupARN == "" && s.TargetGroupName == "":
		return bad("spec.targetGroupARN", "must provide either TargetGroupARN or TargetGroupName", "set one of them")
	case isIP && s.NodeSelector != nil:
		return bad("spec.nodeSelector", "TargetGroupBinding cannot set NodeSelector when TargetType is ip", "remove nodeSelector, or bind a target group of type instance")
	case isInstance && s.TargetGroupProtocol != nil && (*s.TargetGroupProtocol == "QUIC" || *s.TargetGroupProtocol == "TCP_QUIC"):
		return bad("spec.targetGroupProtocol", "QUIC protocol is not supported for Instance target types.", "use ip targets")
	case s.IamRoleArnToAssume != "":
		return bad("spec.iamRoleArnToAssume", "registering targets through an assumed role is not built in this version", "remove iamRoleArnToAssume, or register in a target group of this account")
	case s.MultiClusterTargetGroup && s.TargetGroupARN == "":
		return bad("spec.targetGroupARN", "a target group shared by clusters must be named by its ARN", "set spec.targetGroupARN")
	}
	return nil
}

// describe reads the target group of a binding and compares what the binding says with it.
func (b *targetBindings) describe(ctx context.Context, o *v1beta1.TargetGroupBinding) (elbtypes.TargetGroup, *diag.Diagnostic) {
	s := &o.Spec
	in, path := &elbv2.DescribeTargetGroupsInput{TargetGroupArns: []string{s.TargetGroupARN}}, "spec.targetGroupARN"
	if s.TargetGroupARN == "" {
		in, path = &elbv2.DescribeTargetGroupsInput{Names: []string{s.TargetGroupName}}, "spec.targetGroupName"
	}
	out, err := b.elbv2.DescribeTargetGroups(ctx, in)
	if err != nil {
		d := cloud.Problem("DescribeTargetGroups", err)
		d.Object, d.Path = bindingObject(o), path
		d.Text = fmt.Sprintf("target group %s: %s", cmp.Or(s.TargetGroupARN, s.TargetGroupName), d.Text)
		return elbtypes.TargetGroup{}, &d
	}
	fail := func(path, text, remedy string) (elbtypes.TargetGroup, *diag.Diagnostic) {
		d := diag.New(bindingObject(o), path, diag.InvalidBinding, text, remedy)
		return elbtypes.TargetGroup{}, &d
	}
	if n := len(out.TargetGroups); n != 1 {
		return fail(path, fmt.Sprintf("expecting a single targetGroup with query [%s%s] but got %d", s.TargetGroupARN, s.TargetGroupName, n), "name an existing target group")
	}
	tg := out.TargetGroups[0]
	arn := aws.ToString(tg.TargetGroupArn)
	family := string(tg.IpAddressType)
	switch {
	case tg.TargetType != elbtypes.TargetTypeEnumIp && tg.TargetType != elbtypes.TargetTypeEnumInstance:
		return fail("spec.targetType", "unsupported TargetType: "+string(tg.TargetType), "bind a target group of type ip or instance")
	case s.TargetType != nil && string(*s.TargetType) != string(tg.TargetType):
		return fail("spec.targetType", fmt.Sprintf("targetType of TargetGroup %s is %s, not %s", arn, tg.TargetType, *s.TargetType), "leave spec.targetType out, or set it so")
	case s.TargetGroupProtocol != nil && string(*s.TargetGroupProtocol) != string(tg.Protocol):
		return fail("spec.targetGroupProtocol", fmt.Sprintf("TargetGroup %s protocol differs (got %s, expected %s)", arn, *s.TargetGroupProtocol, tg.Protocol), "leave it out, or set it so")
	case s.IPAddressType != nil && family != "" && string(*s.IPAddressType) != family:
		return fail("spec.ipAddressType", fmt.Sprintf("invalid IP address type %s for TargetGroup %s", *s.IPAddressType, arn), "leave it out, or set it to "+family)
	case s.VpcID != "" && s.VpcID != aws.ToString(tg.VpcId):
		return fail("spec.vpcID", fmt.Sprintf("invalid VpcID %s doesnt match VpcID from TargetGroup %s", s.VpcID, arn), "leave it out, or set it to "+aws.ToString(tg.VpcId))
	case tg.TargetType == elbtypes.TargetTypeEnumIp && s.NodeSelector != nil:
		return fail("spec.nodeSelector", "TargetGroupBinding cannot set NodeSelector when TargetType is ip", "remove nodeSelector")
	}
	return tg, nil
}

// serve brings target group and security groups to the endpoints that there are.
func (b *targetBindings) serve(ctx context.Context, o *v1beta1.TargetGroupBinding) (reconcile.Result, error) {
	var found diag.List
	endpoints, ds := b.endpoints(ctx, o)
	found = append(found, ds...)
	id := stack.ID{Namespace: o.Namespace, Name: o.Name}

	if !o.Spec.MultiClusterTargetGroup && b.claims.kept(id) { // it was shared until now
		if err := b.claims.drop(ctx, id); err != nil {
			return reconcile.Result{}, err
		}
	}
	network := make(chan error, 1)
	go func() { network <- b.admit(ctx, o, endpoints) }() // beside registration: neither waits for the other

	change, err := b.registry.Sync(ctx, targets.Request{
		Binding: id, ARN: o.Spec.TargetGroupARN, Want: endpoints, Max: b.max,
		Claims: b.claimsOf(o),
		Zone:   b.zones(ctx, o),
	})
	networkErr := <-network
	if err != nil && (b.gone(o.Spec.TargetGroupARN) || len(endpoints) == 0 && cloud.Classify(err).Code == "TargetGroupNotFound") {
		err = nil // the group went with its load balancer, and the binding is about to follow
	}
	if err != nil {
		found = append(found, b.problem(o, "spec.targetGroupARN", err))
	}
	if networkErr != nil {
		d := b.problem(o, "spec.networking", networkErr)
		d.Code = diag.EndpointNotResolved
		found = append(found, d)
	}
	if change.LeftOut > 0 {
		found = append(found, diag.New(bindingObject(o), "spec.targetGroupARN", diag.QuotaExceeded,
			fmt.Sprintf("%d endpoints are not registered: --max-targets-per-target-group=%d", change.LeftOut, b.max), "raise the flag, or run fewer pods"))
	}
	if change.Registered+change.Deregistered > 0 {
		logf.FromContext(ctx).Info("targets changed", "registered", change.Registered, "deregistered", change.Deregistered)
		b.health.expect(o.Spec.TargetGroupARN, bindingObject(o))
	}
	b.metrics.bound(o)
	b.reporter.Report(unitOf(o), []diag.Object{bindingObject(o)}, found, change.Registered+change.Deregistered > 0)
	if err != nil || networkErr != nil {
		return reconcile.Result{RequeueAfter: b.requeue}, b.writeStatus(ctx, o, found)
	}
	return reconcile.Result{}, b.writeStatus(ctx, o, found)
}

// claimsOf are the claims of a binding whose target group is shared among clusters; nil if it is not.
func (b *targetBindings) claimsOf(o *v1beta1.TargetGroupBinding) targets.Claims {
	if !o.Spec.MultiClusterTargetGroup {
		return nil
	}
	return b.claims
}

func (b *targetBindings) problem(o *v1beta1.TargetGroupBinding, path string, err error) diag.Diagnostic {
	d := cloud.Problem("", err)
	d.Object, d.Path = bindingObject(o), path
	return d
}

// endpoints resolves what the binding wants registered. A missing Service or port wants nothing.
func (b *targetBindings) endpoints(ctx context.Context, o *v1beta1.TargetGroupBinding) ([]targets.Endpoint, diag.List) {
	ref := o.Spec.ServiceRef
	svc := &corev1.Service{}
	if err := b.client.Get(ctx, client.ObjectKey{Namespace: o.Namespace, Name: ref.Name}, svc); err != nil {
		return nil, diag.List{diag.New(bindingObject(o), "spec.serviceRef.name", diag.ServiceMissing,
			fmt.Sprintf("backend not found: service %s/%s", o.Namespace, ref.Name), "create the Service, or name another one")}
	}
	port, ok := targets.PortOf(svc, ref.Port)
	if !ok {
		return nil, diag.List{diag.New(bindingObject(o), "spec.serviceRef.port", diag.ServiceMissing,
			fmt.Sprintf("backend not found: unable to find port %s on service %s/%s", ref.Port.String(), o.Namespace, ref.Name), "name a port of the Service")}
	}
	if *o.Spec.TargetType == v1beta1.TargetTypeIP {
		return b.podEndpoints(ctx, o, port), nil
	}
	return b.nodeEndpoints(ctx, o, svc, port)
}

func (b *targetBindings) podEndpoints(ctx context.Context, o *v1beta1.TargetGroupBinding, port corev1.ServicePort) []targets.Endpoint {
	var list discoveryv1.EndpointSliceList
	if err := b.client.List(ctx, &list, client.InNamespace(o.Namespace), client.MatchingLabels{discoveryv1.LabelServiceName: o.Spec.ServiceRef.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return nil
	}
	slicesOf := make([]*discoveryv1.EndpointSlice, 0, len(list.Items))
	for i := range list.Items {
		slicesOf = append(slicesOf, &list.Items[i])
	}
	return targets.PodEndpoints(clusterCache{ctx, b.client}, port, slicesOf, *o.Spec.IPAddressType == v1beta1.IPAddressTypeIPv6, b.failOpen)
}

func (b *targetBindings) nodeEndpoints(ctx context.Context, o *v1beta1.TargetGroupBinding, svc *corev1.Service, port corev1.ServicePort) ([]targets.Endpoint, diag.List) {
	fail := func(path, text, remedy string) ([]targets.Endpoint, diag.List) {
		return nil, diag.List{diag.New(bindingObject(o), path, diag.InvalidBinding, text, remedy)}
	}
	if svc.Spec.Type != corev1.ServiceTypeNodePort && svc.Spec.Type != corev1.ServiceTypeLoadBalancer {
		return fail("spec.serviceRef", fmt.Sprintf("service type must be either 'NodePort' or 'LoadBalancer': %s/%s", svc.Namespace, svc.Name), "change the Service's type, or use ip targets")
	}
	if port.NodePort == 0 {
		return fail("spec.serviceRef.port", fmt.Sprintf("service %s/%s has no node port for port %d", svc.Namespace, svc.Name, port.Port), "allow node ports on the Service, or use ip targets")
	}
	var list corev1.NodeList
	if err := b.client.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, nil
	}
	nodes := make([]*corev1.Node, 0, len(list.Items))
	for i := range list.Items {
		nodes = append(nodes, &list.Items[i])
	}
	endpoints, skipped, err := targets.NodeEndpoints(nodes, o.Spec.NodeSelector, port.NodePort, b.failOpen)
	if err != nil {
		return fail("spec.nodeSelector", err.Error(), "correct the selector")
	}
	var found diag.List
	for _, s := range skipped {
		d := diag.New(bindingObject(o), "", diag.EndpointNotResolved, s.Why, "the other nodes are registered; wait for the node, or label it node.kubernetes.io/exclude-from-external-load-balancers")
		d.Class = diag.Note
		found = append(found, d)
	}
	return endpoints, found
}

// zones tells the zone to send for addresses outside the VPC ("all"); nil for instances, whose zone AWS knows.
func (b *targetBindings) zones(ctx context.Context, o *v1beta1.TargetGroupBinding) func(targets.Endpoint) string {
	if *o.Spec.TargetType != v1beta1.TargetTypeIP {
		return nil
	}
	return func(e targets.Endpoint) string {
		f, err := b.inventory.Answer(ctx, []facts.Need{{Kind: facts.NeedVPC}})
		if err != nil || f.VPC == nil {
			return ""
		}
		addr, err := netip.ParseAddr(e.ID)
		if err != nil {
			return ""
		}
		for _, c := range slices.Concat(f.VPC.CIDRs, f.VPC.IPv6CIDRs) {
			if p, err := netip.ParsePrefix(c); err == nil && p.Contains(addr) {
				return ""
			}
		}
		return "all"
	}
}

// writeStatus says which generation was carried out, and whether the binding is ready.
func (b *targetBindings) writeStatus(ctx context.Context, o *v1beta1.TargetGroupBinding, found diag.List) error {
	defer b.metrics.spentIn(bindingControllerLabel, stageBindingStatus)()
	before := o.DeepCopy()
	ready := metav1.Condition{Type: "Ready", Status: metav1.ConditionTrue, Reason: "Reconciled", ObservedGeneration: o.Generation}
	for _, d := range found {
		if d.Class != diag.Note {
			ready.Status, ready.Reason, ready.Message = metav1.ConditionFalse, string(d.Code), d.Message()
			break
		}
	}
	meta.SetStatusCondition(&o.Status.Conditions, ready)
	if ready.Status == metav1.ConditionTrue {
		o.Status.ObservedGeneration = aws.Int64(o.Generation)
	}
	if equality.Semantic.DeepEqual(before.Status, o.Status) {
		return nil
	}
	return client.IgnoreNotFound(b.client.Status().Patch(ctx, o, client.MergeFrom(before)))
}

// cleanUp deregisters what the binding registered, unless its target group is gone as well, and drops its rules.
func (b *targetBindings) cleanUp(ctx context.Context, o *v1beta1.TargetGroupBinding) error {
	if !controllerutil.ContainsFinalizer(o, naming.BindingFinalizer) {
		return nil
	}
	id, arn := stack.ID{Namespace: o.Namespace, Name: o.Name}, o.Spec.TargetGroupARN
	var err error
	if arn != "" && !b.gone(arn) {
		err = b.registry.Clear(ctx, id, arn, b.claimsOf(o))
	}
	if err == nil && (o.Spec.MultiClusterTargetGroup || b.claims.kept(id)) {
		err = b.claims.drop(ctx, id)
	}
	if err == nil {
		err = b.keeper.Set(ctx, id.String(), nil, b.allSeen(ctx))
	}
	if err != nil {
		d := b.problem(o, "", err)
		b.reporter.Report(unitOf(o), nil, diag.List{d}, false)
		return err
	}
	b.metrics.unbound(o)
	return patchFinalizer(ctx, b.client, o, func(o client.Object) bool { return controllerutil.RemoveFinalizer(o, naming.BindingFinalizer) })
}

func (b *targetBindings) forget(key client.ObjectKey) {
	b.health.forget(key)
	b.reporter.Forget("binding:"+key.Namespace+"/"+key.Name, diag.Object{Kind: "TargetGroupBinding", Namespace: key.Namespace, Name: key.Name})
}

// clusterCache answers endpoint resolution from the informer caches.
type clusterCache struct {
	ctx    context.Context //nolint:containedctx // lives as long as one pass
	reader client.Reader
}

func (c clusterCache) Pod(namespace, name string) (*corev1.Pod, bool) {
	p := &corev1.Pod{}
	return p, c.reader.Get(c.ctx, client.ObjectKey{Namespace: namespace, Name: name}, p) == nil
}

func (c clusterCache) Node(name string) (*corev1.Node, bool) {
	n := &corev1.Node{}
	return n, c.reader.Get(c.ctx, client.ObjectKey{Name: name}, n) == nil
}
