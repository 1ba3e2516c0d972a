// Threads, futures, exceptions across a library's frames, files and times of the standard library.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>
#include <mutex>
#include <numeric>
#include <random>
#include <shared_mutex>
#include <stdexcept>
#include <thread>
#include <vector>

namespace fs = std::filesystem;

int main() {
  std::vector<std::future<long>> parts;
  for (long part = 0; part < 8; part++)
    parts.push_back(std::async(std::launch::async, [part] {
      std::vector<long> numbers(100000);
      std::iota(numbers.begin(), numbers.end(), part * 100000);
      return std::accumulate(numbers.begin(), numbers.end(), 0L);
    }));
  long sum = 0;
  for (auto& part : parts) sum += part.get();
  std::cout << "async: " << sum << '\n';

  try {
    std::async(std::launch::async, []() -> int { throw std::runtime_error("through a future"); }).get();
  } catch (const std::exception& error) {
    std::cout << "exception: " << error.what() << '\n';
  }

  std::mutex lock;
  std::condition_variable ready;
  int turn = 0;
  std::vector<std::jthread> players;
  for (int me = 0; me < 4; me++)
    players.emplace_back([&, me] {
      std::unique_lock held(lock);
      ready.wait(held, [&] { return turn == me; });
      turn++;
      ready.notify_all();
    });
  players.clear();
  std::cout << "turns: " << turn << '\n';

  const auto dir = fs::temp_directory_path() / "corpus-cxx";
  fs::remove_all(dir);
  fs::create_directories(dir / "a/b");
  std::ofstream(dir / "a/b/file") << "content";
  fs::create_symlink("a/b/file", dir / "link");
  fs::create_hard_link(dir / "a/b/file", dir / "hard");
  fs::copy(dir / "a", dir / "copy", fs::copy_options::recursive);
  fs::permissions(dir / "hard", fs::perms::owner_all);
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(dir)) names.push_back(entry.path().lexically_relative(dir));
  std::sort(names.begin(), names.end());
  for (const auto& name : names) std::cout << "file: " << name << '\n';
  std::cout << "links: " << fs::hard_link_count(dir / "hard") << ", room: " << (fs::space(dir).available > 0) << '\n';
  fs::remove_all(dir);

  const auto start = std::chrono::steady_clock::now();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  std::cout << "slept: " << (std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(20)) << '\n';
  std::cout << "random: " << (std::random_device{}() != std::random_device{}()) << '\n';
}
