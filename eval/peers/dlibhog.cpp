// Measures dlib's frontal face detector (HOG) on a list of photos: decode and detect,
// as dlib's own example does without its upsampling. Its landmarks and its embedder
// need model files that no Debian package carries.
// Usage: dlibhog LIST OUT.json
#include <dlib/image_io.h>
#include <dlib/image_processing/frontal_face_detector.h>
#include <dlib/revision.h>

#include <chrono>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

static double cpu() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return double(t.tv_sec) + double(t.tv_nsec) / 1e9;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  std::vector<std::string> files;
  std::ifstream list(argv[1]);
  for (std::string line; std::getline(list, line);) {
    if (line.empty()) continue;
    std::ifstream f(line, std::ios::binary);
    files.emplace_back(std::istreambuf_iterator<char>(f), std::istreambuf_iterator<char>());
  }
  if (files.empty()) return 2;
  auto find = dlib::get_frontal_face_detector();
  double decode = 0, detect = 0;
  auto one = [&](const std::string &data) {
    const double start = cpu();
    dlib::array2d<unsigned char> image;
    dlib::load_jpeg(image, data.data(), data.size());
    const double decoded = cpu();
    const auto faces = find(image).size();
    decode += decoded - start;
    detect += cpu() - decoded;
    return faces;
  };
  one(files[0]);  // warm
  decode = detect = 0;
  const double from = cpu();
  const auto start = std::chrono::steady_clock::now();
  std::string results;
  for (const auto &data : files) results += (results.empty() ? "" : ",") + ("{\"faces\":" + std::to_string(one(data)) + "}");
  const double used = cpu() - from;
  const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::ofstream(argv[2]) << "{\"versions\":{\"dlib\":\"" << DLIB_MAJOR_VERSION << "." << DLIB_MINOR_VERSION << "\"},\"threads\":1,\"wall_s\":" << wall
                         << ",\"cpu_s\":" << used << ",\"stages\":{\"decode\":" << decode << ",\"detect\":" << detect << "},\"results\":[" << results << "]}\n";
}
