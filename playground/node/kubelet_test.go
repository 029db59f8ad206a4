package node

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// launching is a Launcher of containers whose image is "program".
type launching struct{}

// Runs implements Launcher.
func (launching) Runs(_ *corev1.Pod, c corev1.Container) bool { return c.Image == "program" }

// Launch implements Launcher.
func (launching) Launch(context.Context, *corev1.Pod, corev1.Container, map[string][]byte) (Program, error) {
	return &stoppable{}, nil
}

func TestLogsAreThoseOfProgramsAndWhatIsNotPossibleIsAnswered(t *testing.T) {
	t.Parallel()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "u"}, Spec: corev1.PodSpec{
		Containers: []corev1.Container{
			{Name: "runs", Image: "program"}, {Name: "waits", Image: "program"}, {Name: "crashed", Image: "program"},
			{Name: "stand-in", Image: "nginx"},
		}}}
	f := &Fleet{options: Options{Launcher: launching{}}, workers: map[types.UID]*worker{}}
	w := newWorker(f, Spec{}, pod, func() {})
	w.programs = map[int]*launched{0: {program: &stoppable{}}, 1: {}, 2: {previous: &stoppable{}}}
	f.workers[pod.UID] = w
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", f.containerLogs)
	s := httptest.NewServer(mux)
	defer s.Close()
	for _, tc := range []struct {
		path   string
		status int
		want   string
	}{
		{"shop/web/runs", 200, "one\ntwo\n"},
		{"shop/web/runs?tailLines=10&limitBytes=4&follow=true&stream=All", 200, "one\n"},
		{"shop/web/crashed", 200, "one\ntwo\n"},
		{"shop/web/crashed?previous=true", 200, "one\ntwo\n"},
		{"shop/web/stand-in", 200, ""},
		{"shop/web/waits", 400, `container "waits" in pod "web" is waiting to start: ContainerCreating`},
		{"shop/web/runs?previous=true", 400, `previous terminated container "runs" in pod "web" not found`},
		{"shop/web/other", 400, `container "other" in pod "web" has no log`},
		{"shop/gone/runs", 400, "pod shop/gone does not run on these nodes"},
		{"shop/web/runs?sinceSeconds=3", 400, "sinceSeconds is not possible"},
		{"shop/web/runs?timestamps=true", 400, "timestamps is not possible"},
		{"shop/web/runs?tailLines=x", 400, "tailLines"},
		{"shop/web/runs?limitBytes=x", 400, "limitBytes"},
	} {
		resp, err := s.Client().Get(s.URL + "/containerLogs/" + tc.path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != tc.status || tc.status == 200 && string(body) != tc.want ||
			!strings.Contains(string(body), tc.want) {
			t.Errorf("%s: %s, %q, %v", tc.path, resp.Status, body, err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	}
}
