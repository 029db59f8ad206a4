package awssim

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/awssim/vnet"
)

func TestTheMetricsPageCountsUnderCloudWatchsNames(t *testing.T) {
	t.Parallel()
	network := vnet.New()
	s := serve(t, Options{DataPlane: true, Network: network, HealthInterval: 20 * time.Millisecond})
	pod(t, network, "10.0.128.77", 8080, "blue")
	w := s.web(t)
	w.allow(t, 80)
	w.listen(t, elb.CreateListenerInput{Protocol: "HTTP", Port: aws.Int32(80)})
	w.register(t, "10.0.128.77")
	w.healthy(t)
	for range 3 {
		get(t, s.client(t), "http://"+w.dnsName+"/", "")
	}
	resp := wanted(s.http.Get(s.url + "/_sim/metrics"))(t)
	defer func() { _ = resp.Body.Close() }()
	page := string(wanted(io.ReadAll(resp.Body))(t))
	lb, tg := label("LoadBalancer", dimension(w.lb)), label("TargetGroup", dimension(w.tg))
	for _, want := range []string{
		"# TYPE AWS_ApplicationELB_RequestCount counter\n",
		"AWS_ApplicationELB_RequestCount{" + lb + "} 3\n",
		"AWS_ApplicationELB_RequestCount{" + lb + "," + tg + "} 3\n",
		"AWS_ApplicationELB_HTTPCode_Target_2XX_Count{" + lb + "," + tg + "} 3\n",
		"# TYPE AWS_ApplicationELB_HealthyHostCount gauge\n",
		"AWS_ApplicationELB_HealthyHostCount{" + lb + "," + tg + "} 1\n",
		"AWS_ApplicationELB_RequestCount{" + `AvailabilityZone="`,
		"# TYPE AWS_ApplicationELB_TargetResponseTime summary\nAWS_ApplicationELB_TargetResponseTime_count{",
		"AWS_ApplicationELB_TargetResponseTime_count{" + lb + "," + tg + "} 3\n",
		"# TYPE AWS_ApplicationELB_HealthyStateRouting gauge\n",
		"AWS_ApplicationELB_RequestCountPerTarget{" + lb + "," + tg + "} 3\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	if !strings.HasPrefix(dimension(w.lb), "app/web/") || !strings.HasPrefix(dimension(w.tg), "targetgroup/web/") {
		t.Errorf("dimensions %s, %s", dimension(w.lb), dimension(w.tg))
	}
}
