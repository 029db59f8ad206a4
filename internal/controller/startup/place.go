package startup

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// firstPage and page are how many objects are read at a time: nearly always, the first ones decide.
const firstPage, page = 20, 500

// Place is where the controller runs.
type Place struct {
	Region, VPC string
	Account     string // empty = not known
}

// Place returns a condition if LoadBalancer objects (of a namespace; empty: of all) show load balancers of other
// Regions or accounts only, or if the bindings of their target groups are of other VPCs only. There, AWS shows nothing
// of this cluster: the controller would create each load balancer again, and leave the former ones without an owner.
// Kinds that are not served or may not be read decide nothing. One object of the place suffices: users may have forged
// the others.
func (s *Server) Place(ctx context.Context, at Place, cluster, namespace string) error {
	here, elsewhere, groups := false, "", map[string]bool{}
	if err := each(ctx, s, "loadbalancers", namespace, func(o *v1alpha1.LoadBalancer) (enough bool) {
		if o.Status.ARN == "" || o.Status.Cluster != "" && o.Status.Cluster != cluster {
			return false
		}
		if other := at.other(o.Status.ARN); other != "" {
			if elsewhere == "" {
				elsewhere = fmt.Sprintf("%s, but LoadBalancer %s/%s shows %s", other, o.Namespace, o.Name, o.Status.ARN)
			}
			return false
		}
		here = true
		for i := range o.Status.TargetGroups {
			groups[o.Status.TargetGroups[i].ARN] = true
		}
		return len(groups) > 0
	}); err != nil {
		return err
	}
	if here {
		var err error
		if elsewhere, err = s.otherVPC(ctx, at, namespace, groups); err != nil {
			return err
		}
	}
	if elsewhere != "" {
		return impairment.Condition{Reason: impairment.Place, Text: elsewhere, Remedy: impairment.KeepPlace}
	}
	return nil
}

// otherVPC returns a sentence if the bindings of target groups are of other VPCs only; empty if one is of this VPC, or
// there is none.
func (s *Server) otherVPC(ctx context.Context, at Place, namespace string, groups map[string]bool) (elsewhere string,
	err error) {
	if len(groups) == 0 {
		return "", nil
	}
	err = each(ctx, s, "targetgroupbindings", namespace, func(o *v1beta1.TargetGroupBinding) (enough bool) {
		switch {
		case !groups[o.Spec.TargetGroupARN] || o.Spec.VpcID == "":
		case o.Spec.VpcID == at.VPC:
			elsewhere = ""
			return true
		case elsewhere == "":
			elsewhere = fmt.Sprintf("the controller works in VPC %s, but TargetGroupBinding %s/%s is of VPC %s", at.VPC,
				o.Namespace, o.Name, o.Spec.VpcID)
		}
		return false
	})
	return elsewhere, err
}

// other is how the place differs from the one in an ARN; empty if it does not.
func (p Place) other(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	switch {
	case len(parts) < 6:
		return ""
	case parts[3] != p.Region:
		return "the controller works in Region " + p.Region
	case p.Account != "" && parts[4] != p.Account:
		return "the controller works in account " + p.Account
	}
	return ""
}

// each calls a function with the objects of a resource in a namespace (empty: in all), until it has seen enough; with
// none where the kind is not served or may not be read.
func each[T any](ctx context.Context, s *Server, resource, namespace string, see func(*T) (enough bool)) error {
	version := v1alpha1.GroupVersion
	if resource == "targetgroupbindings" {
		version = v1beta1.GroupVersion
	}
	in := "/apis/" + version.String()
	if namespace != "" {
		in = path.Join(in, "namespaces", namespace)
	}
	for next, limit := "", firstPage; ; limit = page {
		ask := s.Client.Get().AbsPath(in, resource).Param("limit", strconv.Itoa(limit))
		if next != "" {
			ask = ask.Param("continue", next)
		}
		bounded, cancel := context.WithTimeout(ctx, tryTimeout)
		raw, err := ask.Do(bounded).Raw()
		cancel()
		if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
			return nil
		}
		if err != nil {
			return s.condition(err)
		}
		var list struct {
			metav1.ListMeta `json:"metadata"`
			Items           []T `json:"items"`
		}
		if err := json.Unmarshal(raw, &list); err != nil {
			return fmt.Errorf("reading %s: %w", resource, err)
		}
		for i := range list.Items {
			if see(&list.Items[i]) {
				return nil
			}
		}
		if next = list.Continue; next == "" {
			return nil
		}
	}
}

// ClusterName returns a condition if the LoadBalancer objects of a namespace (empty: of all) were written under other
// cluster names only. A controller with another name knows nothing of what exists: it would create each load balancer
// again, and leave the former ones without an owner. Objects that name no cluster, and a kind that is not served or may
// not be read, decide nothing. One object of the name suffices, whichever others there are: users may have forged them.
func (s *Server) ClusterName(ctx context.Context, name, namespace string) error {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	var seen []v1alpha1.LoadBalancer // no more of each than decides
	if err := each(ctx, s, "loadbalancers", namespace, func(o *v1alpha1.LoadBalancer) (enough bool) {
		seen = append(seen, v1alpha1.LoadBalancer{
			ObjectMeta: metav1.ObjectMeta{Namespace: o.Namespace, Name: o.Name},
			Status:     v1alpha1.LoadBalancerStatus{Cluster: o.Status.Cluster}})
		return o.Status.Cluster == name
	}); err != nil {
		return err
	}
	if text := OtherClusterName(seen, name); text != "" {
		return impairment.Condition{Reason: impairment.ClusterName, Text: text, Remedy: impairment.KeepClusterName}
	}
	return nil
}

// OtherClusterName returns the sentence that LoadBalancer objects were written under other names of the cluster only;
// empty if one has the name, or none has any.
func OtherClusterName(list []v1alpha1.LoadBalancer, name string) string {
	var other *v1alpha1.LoadBalancer
	others := 0
	for i := range list {
		switch list[i].Status.Cluster {
		case "":
		case name:
			return ""
		default:
			if others++; other == nil {
				other = &list[i]
			}
		}
	}
	if other == nil {
		return ""
	}
	text := fmt.Sprintf("--cluster-name is %s, but the controller created LoadBalancer %s/%s under the name %s", name,
		other.Namespace, other.Name, other.Status.Cluster)
	if others > 1 {
		text += fmt.Sprintf(" (%d objects in all)", others)
	}
	return text
}
